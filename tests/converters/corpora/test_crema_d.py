from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from whyser.records.utterance import Utterance
from whyser_converters.corpora.crema_d import (
    LABELS,
    SENTENCES,
    SPLITS,
    fold_splits,
    prepare_crema_d,
)

HEADER = '"","A","D","F","H","N","S","fileName","numResponses","agreement","emoVote"\n'
ROWS = (
    '"100001",0,0,0,1,10,0,"1001_IEO_NEU_XX",11,0.909,"N"\n'
    '"100009",4,4,0,0,1,0,"1001_IEO_ANG_MD",9,0.444,"A:D"\n'
    '"105000",0,0,6,0,2,1,"1049_DFA_FEA_XX",9,0.667,"F"\n'
    '"200001",0,0,0,0,8,0,"1001_IEO_NEU_XX",8,1,"N"\n'
    '"200009",8,0,0,0,0,0,"1001_IEO_ANG_MD",8,1,"A"\n'
    '"205000",0,0,5,0,0,0,"1049_DFA_FEA_XX",5,1,"F"\n'
    '"300001",0,0,0,2,7,0,"1001_IEO_NEU_XX",9,0.778,"N"\n'
    '"300009",7,2,0,0,0,0,"1001_IEO_ANG_MD",9,0.778,"A"\n'
    '"305000",0,0,3,0,0,3,"1049_DFA_FEA_XX",6,0.5,"F:S"\n'
)


@pytest.fixture
def crema(tmp_path: Path, write_text: Any, write_wav: Any) -> Path:
    root = tmp_path / "CREMA D"  # the space is meant
    write_text(root / "processedResults/tabulatedVotes.csv", HEADER + ROWS)
    demographics = '"ActorID","Age","Sex","Race","Ethnicity"\n1001,51,"Male","Caucasian","x"\n'
    write_text(root / "VideoDemographics.csv", demographics)
    for stem in ("1001_IEO_NEU_XX", "1001_IEO_ANG_MD", "1049_DFA_FEA_XX"):
        write_wav(root / f"AudioWAV/{stem}.wav")
    return root


def edit(root: Path, old: str, new: str) -> None:
    table = root / "processedResults/tabulatedVotes.csv"
    assert old in table.read_text("utf-8")
    table.write_text(table.read_text("utf-8").replace(old, new), "utf-8")


def test_acted_label_and_voice_votes(converted: Any, crema: Path) -> None:
    result = converted("crema_d", crema)
    angry = result["crema_d/1001_IEO_ANG_MD"]
    assert (angry.label, angry.label_raw, angry.split) == ("angry", "ANG", "train")
    assert Counter(angry.primaries) == {"angry": 4, "disgust": 4, "neutral": 1}
    assert [vote.rater for vote in angry.votes[:2]] == ["crema_voice_1", "crema_voice_2"]
    assert (angry.votes[0].raw, angry.votes[0].secondary) == ("A", ())
    assert angry.transcript == "It's eleven o'clock"
    assert (angry.speaker, angry.gender) == ("crema_d/1001", "male")
    assert (angry.sampling_rate, angry.channels, angry.duration) == (16_000, 1, 0.1)
    other = result["crema_d/1049_DFA_FEA_XX"]
    assert (other.split, other.gender) == ("dev", None)
    assert result.card["audio_root"] == str(crema.resolve())
    assert result.card["options"]["label_source"] == "intended"
    assert not (result.folder / "audio").exists()


@pytest.mark.parametrize(
    ("source", "labels"),
    [
        ("voice", [("neutral", "N"), (None, "A:D"), ("fear", "F")]),
        ("multimodal", [("neutral", "N"), ("angry", "A"), (None, "F:S")]),
    ],
)
def test_label_sources(converted: Any, crema: Path, source: str, labels: list[Any]) -> None:
    result = converted("crema_d", crema, "--label-source", source)
    assert [(item.label, item.label_raw) for item in result.utterances] == labels
    # The votes stay those of the voice.
    assert len(result.utterances[0].votes) == 11
    assert result.card["options"]["label_source"] == source


def test_split_scheme_train(converted: Any, crema: Path) -> None:
    result = converted("crema_d", crema, "--split-scheme", "train")
    assert {item.split for item in result.utterances} == {"train"}
    assert result.card["options"]["split_scheme"] == "train"


def test_merge_reaches_label_and_votes(converted: Any, crema: Path) -> None:
    result = converted("crema_d", crema, "--merge", "DIS=angry", "--label-source", "voice")
    assert result["crema_d/1001_IEO_ANG_MD"].label == "angry"
    assert "disgust" not in result.card["classes"]
    assert result.card["options"]["merge"] == "DIS=angry"


def test_mirror_without_votes(converted: Any, refused: Any, crema: Path) -> None:
    (crema / "processedResults/tabulatedVotes.csv").unlink()
    assert "needs the annotators' votes" in refused("crema_d", crema, "--label-source", "voice")
    result = converted("crema_d", crema)
    assert [len(item.votes) for item in result.utterances] == [0, 0, 0]
    assert result["crema_d/1001_IEO_ANG_MD"].label == "angry"


def test_known_silent_clip_and_sound_without_a_row(
    converted: Any, crema: Path, write_wav: Any
) -> None:
    edit(crema, "1001_IEO_NEU_XX", "1076_MTI_SAD_XX")
    write_wav(crema / "AudioWAV/1076_MTI_SAD_XX.wav")
    result = converted("crema_d", crema)
    assert len(result.utterances) == 2
    assert result.card["dropped"] == {"crema_d/1076_MTI_SAD_XX: silent in the published corpus": 1}
    assert result.card["unused"] == {"sound without a row in tabulatedVotes.csv": 1}


def test_old_clone_with_a_single_x(converted: Any, crema: Path) -> None:
    wav = crema / "AudioWAV/1049_DFA_FEA_XX.wav"
    wav.rename(wav.with_name("1049_DFA_FEA_X.wav"))
    assert converted("crema_d", crema)["crema_d/1049_DFA_FEA_XX"].audio.endswith("_X.wav")
    # A clone updated by copying has both.
    wav.write_bytes(wav.with_name("1049_DFA_FEA_X.wav").read_bytes())
    result = converted("crema_d", crema)
    assert result["crema_d/1049_DFA_FEA_XX"].audio.endswith("_XX.wav")
    assert result.card["unused"] == {"second sound of a clip, named with a single X": 1}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("1001_IEO_ANG_MD", "1001_IEO_ANX_MD", "tabulatedVotes.csv:3: bad emotion code 'ANX'"),
        ("1001_IEO_ANG_MD", "1001_IEX_ANG_MD", "tabulatedVotes.csv:3: bad sentence code 'IEX'"),
        ("1001_IEO_ANG_MD", "nonsense", "tabulatedVotes.csv:3: bad clip name 'nonsense'"),
        ("1001_IEO_ANG_MD", "1234_IEO_ANG_MD", "tabulatedVotes.csv:3: unknown actor '1234'"),
        ('"100009",4', '"100009",four', "tabulatedVotes.csv:3: bad count 'four'"),
        ('"100009",4', '"100009",5', "tabulatedVotes.csv:3: counts add up to 10"),
        ('"100009"', '"900009"', "tabulatedVotes.csv:3: bad row name '900009'"),
        ('"200009"', '"100009"', "tabulatedVotes.csv:6: '1001_IEO_ANG_MD' has a second row"),
    ],
)
def test_bad_table(faulty: Any, crema: Path, old: str, new: str, message: str) -> None:
    edit(crema, old, new)
    result = faulty("crema_d", crema, message)
    assert [item.id for item in result.utterances] == [
        "crema_d/1001_IEO_NEU_XX",
        "crema_d/1049_DFA_FEA_XX",
    ]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('6,0.5,"F:S"\n', "6", "tabulatedVotes.csv:10: row of 9 cells, expected 11"),
        ('6,0.5,"F:S"\n', '6,0.5,"F', "tabulatedVotes.csv:10: not valid CSV"),
    ],
)
def test_a_row_without_a_name_costs_the_clip_what_it_was_for(
    converted: Any, crema: Path, old: str, new: str, message: str
) -> None:
    """The tenth row is the multimodal vote of the third clip: lost to that label source only."""
    edit(crema, old, new)
    result = converted("crema_d", crema)
    assert message in result.problems[0]
    assert (len(result.utterances), len(result.card["unused"])) == (3, 1)
    result = converted("crema_d", crema, "--label-source", "multimodal")
    assert len(result.utterances) == 2
    assert "has no row of multimodal votes" in result.problems[1]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"fileName"', '"Filename"', "has no column 'fileName'"),
        (HEADER + ROWS, '"","A","D', "tabulatedVotes.csv:1: not valid CSV"),
    ],
)
def test_bad_header(refused: Any, crema: Path, old: str, new: str, message: str) -> None:
    edit(crema, old, new)
    assert message in refused("crema_d", crema)


def test_a_sound_in_capitals_is_named(faulty: Any, crema: Path) -> None:
    wav = crema / "AudioWAV/1049_DFA_FEA_XX.wav"
    wav.rename(wav.with_suffix(".WAV"))
    message = "no such sound file. Rename 1049_DFA_FEA_XX.WAV."
    assert len(faulty("crema_d", crema, message).utterances) == 2


def test_a_clip_without_its_voice_row(faulty: Any, crema: Path) -> None:
    edit(crema, ROWS.splitlines()[0] + "\n", "")
    message = "'1001_IEO_NEU_XX' has no row of voice votes"
    assert len(faulty("crema_d", crema, message).utterances) == 2


def test_every_fault_is_reported_at_once(converted: Any, crema: Path) -> None:
    edit(crema, "1001_IEO_ANG_MD", "1001_IEO_ANX_MD")
    (crema / "AudioWAV/1049_DFA_FEA_XX.wav").unlink()
    result = converted("crema_d", crema)
    assert "bad emotion code" in result.problems[0]
    assert "1049_DFA_FEA_XX.wav" in result.problems[1]
    assert result.card["dropped"] == {
        "faulty line in tabulatedVotes.csv": 1,
        "sound is missing or unreadable": 1,
    }


# ---- votes by rater -----------------------------------------------------------------------

RESPONSES = (
    '"","localid","pos","ans","ttr","queryType","numTries","clipNum","questNum","subType",'
    '"clipName","sessionNums","respEmo","respLevel","dispEmo","dispVal","dispLevel"\n'
)
FIRST_CLICKS = (
    '"","localid","sessionNums","queryType","questNum","pos","ttr","numTries","clipNum",'
    '"clipName"\n'
)


def response(
    rater: str, clip: str, letter: str, *, kind: int = 1, session: int, question: int
) -> str:
    return (
        f'"{session}{question}","{rater}",1,"{letter}_70",3000,{kind},0,1,{question},4,'
        f'"{clip}",{session},"{letter}",70,"A","HI",80\n'
    )


def first_click(session: int, question: int, milliseconds: str, *, kind: int = 1) -> str:
    return f'"{session}{question}","r",{session},{kind},{question},1,{milliseconds},0,1,"x"\n'


@pytest.fixture
def by_rater(crema: Path, write_text: Any) -> Path:
    rows = [
        *(
            response(f"rater{number}", "1001_IEO_ANG_MD", letter, session=number, question=5)
            for number, letter in enumerate("AAAADDDDN", 1)
        ),
        # Slow in the voice, quick in the face with the same session and question.
        response("rater10", "1001_IEO_ANG_MD", "D", session=10, question=5),
        response("rater10", "1001_IEO_ANG_MD", "D", session=10, question=5, kind=2),
        response("rater1", "1049_DFA_FEA_XX", "F", session=1, question=6),
        response("rater1", "SAD_MD_practice", "S", session=1, question=0),
    ]
    write_text(crema / "finishedResponses.csv", RESPONSES + "".join(rows))
    clicks = [first_click(10, 5, "10001"), first_click(1, 5, "10000"), first_click(2, 5, "NA")]
    write_text(crema / "finishedEmoResponses.csv", FIRST_CLICKS + "".join(clicks))
    return crema


def test_votes_by_rater(converted: Any, convert: Any, by_rater: Path, tmp_path: Path) -> None:
    result = converted("crema_d", by_rater)
    votes = result["crema_d/1001_IEO_ANG_MD"].votes
    assert [vote.rater for vote in votes] == [f"crema_d/rater{n}" for n in range(1, 10)]
    assert "".join(vote.raw for vote in votes) == "AAAADDDDN"
    # A clip with answers of its own, and one without.
    assert [vote.rater for vote in result["crema_d/1049_DFA_FEA_XX"].votes] == ["crema_d/rater1"]
    assert result["crema_d/1001_IEO_NEU_XX"].votes[0].rater == "crema_voice_1"
    assert result.card["unused"] == {"answer after more than ten seconds": 1}
    outcome = convert("crema_d", by_rater, tmp_path / "out")
    assert "clips with more or fewer answers than the table counts: 1" in outcome.err


def test_without_first_clicks_slow_answers_stay(
    convert: Any, by_rater: Path, tmp_path: Path
) -> None:
    (by_rater / "finishedEmoResponses.csv").unlink()
    outcome = convert("crema_d", by_rater, tmp_path / "out")
    assert "no finishedEmoResponses.csv: slow answers are not left out" in outcome.err
    consensus = json.loads((tmp_path / "out/crema_d/corpus.json").read_text())["consensus"]
    # Five to four now: the published vote was the tie.
    assert consensus == {"compared": 3, "different": 1}
    listed = (tmp_path / "out/crema_d/consensus_differences.csv").read_text()
    assert "crema_d/1001_IEO_ANG_MD,,D,A A A A D D D D D N" in listed


def test_tables_in_utf_16_are_read(converted: Any, crema: Path) -> None:
    usual = converted("crema_d", crema).utterances
    for name in ("processedResults/tabulatedVotes.csv", "VideoDemographics.csv"):
        (crema / name).write_text((crema / name).read_text("utf-8"), "utf-16")
    assert converted("crema_d", crema).utterances == usual


def test_pointers_of_git_lfs_are_no_votes(convert: Any, by_rater: Path, tmp_path: Path) -> None:
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 20000000\n"
    (by_rater / "finishedResponses.csv").write_text(pointer)
    outcome = convert("crema_d", by_rater, tmp_path / "out")
    assert outcome.status == 0
    assert "finishedResponses.csv is a Git LFS pointer ('git lfs pull' fetches it)" in outcome.err


@pytest.mark.parametrize(
    ("old", "new"), [('1,"A",70', '1,"Q",70'), ('70",3000,1,', '70",3000,4,'), ('"rater1"', '""')]
)
def test_a_bad_answer_costs_its_clip(faulty: Any, by_rater: Path, old: str, new: str) -> None:
    path = by_rater / "finishedResponses.csv"
    lines = path.read_text().splitlines(keepends=True)
    assert old in lines[1]
    lines[1] = lines[1].replace(old, new)
    path.write_text("".join(lines))
    result = faulty("crema_d", by_rater, "finishedResponses.csv:2: bad answer")
    assert "crema_d/1001_IEO_ANG_MD" not in {item.id for item in result.utterances}


def test_an_answer_cut_short_costs_its_clip(faulty: Any, by_rater: Path) -> None:
    """The clip's name is not the first of its cells, but stands in the row."""
    path = by_rater / "finishedResponses.csv"
    path.write_text(path.read_text().replace('"A",70,"A","HI",80\n', '"A"\n', 1))
    result = faulty("crema_d", by_rater, "finishedResponses.csv:2: row of 13 cells, expected 17")
    assert "crema_d/1001_IEO_ANG_MD" not in {item.id for item in result.utterances}
    assert result.card["dropped"] == {"faulty line in finishedResponses.csv": 1}


def test_answers_about_no_clip_are_counted(converted: Any, by_rater: Path) -> None:
    path = by_rater / "finishedResponses.csv"
    extra = response("rater1", "1002_IEO_ANG_MD", "A", session=1, question=7)
    path.write_text(path.read_text() + extra)
    unused = converted("crema_d", by_rater).card["unused"]
    assert unused["answer about a clip that is not there"] == 1


def test_votes_by_rater_without_the_table(converted: Any, by_rater: Path) -> None:
    (by_rater / "processedResults/tabulatedVotes.csv").unlink()
    result = converted("crema_d", by_rater, "--label-source", "voice")
    angry = result["crema_d/1001_IEO_ANG_MD"]
    assert (angry.label, angry.label_raw, len(angry.votes)) == (None, "A:D", 9)
    assert "crema_d/1001_IEO_NEU_XX" not in {item.id for item in result.utterances}


def test_without_an_account_the_first_fault_is_raised(crema: Path) -> None:
    from whyser.io.errors import InputError

    edit(crema, "1001_IEO_ANG_MD", "1001_IEO_ANX_MD")
    with pytest.raises(InputError, match="bad emotion code"):
        list(prepare_crema_d(crema))


def test_the_demos_raters_add_up_to_its_table(converted: Any, native_corpora: Path) -> None:
    result = converted("crema_d", native_corpora / "crema_d", "--no-audio")
    assert result.card["consensus"]["different"] == 0
    raters = {vote.rater for item in result.utterances for vote in item.votes}
    assert len(raters) > 20
    assert all(rater.startswith("crema_d/rater") for rater in raters)
    for item in result.utterances:
        assert len({vote.rater for vote in item.votes}) == len(item.votes)


@pytest.mark.shared_data
class TestRealTables:
    """The counts of the whole corpus, as published in its tables."""

    @pytest.fixture
    def read(self, shared_data: Path) -> Callable[[str], list[Utterance]]:
        def call(source: str) -> list[Utterance]:
            return list(prepare_crema_d(shared_data / "crema_d", label_source=source))

        return call

    def test_clips_and_acted_labels(self, read: Callable[[str], list[Utterance]]) -> None:
        clips = read("intended")
        assert len(clips) == 7_442
        assert len({clip.speaker for clip in clips}) == 91
        counts = Counter(clip.label for clip in clips)
        assert counts.pop("neutral") == 1_087
        assert set(counts.values()) == {1_271}
        assert Counter(clip.transcript for clip in clips)[SENTENCES["IEO"]] == 1_456

    def test_voice_votes(self, read: Callable[[str], list[Utterance]]) -> None:
        clips = read("voice")
        assert sum(len(clip.votes) for clip in clips) == 68_568
        assert sum(clip.is_strict for clip in clips) == 5_012
        assert sum(clip.label is None for clip in clips) == 644
        assert sum(clip.label is not None for clip in clips) == 6_798
        acted = [LABELS[clip.id.split("_")[3]] for clip in clips]
        pairs = list(zip(clips, acted, strict=True))
        assert sum(clip.label == label for clip, label in pairs) == 3_099
        assert sum(clip.label == label and clip.is_strict for clip, label in pairs) == 2_540
        counts = Counter(clip.label for clip in clips)
        assert (counts["neutral"], counts["angry"], counts["happy"]) == (3_897, 986, 353)

    def test_multimodal_votes(self, read: Callable[[str], list[Utterance]]) -> None:
        assert sum(clip.label is None for clip in read("multimodal")) == 420

    def test_splits_are_the_published_lists(self, shared_data: Path) -> None:
        published = json.loads((shared_data / "splits/crema_d_speaker_splits.json").read_text())
        for split, actors in published.items():
            assert {SPLITS[str(actor)] for actor in actors} == {split}
        assert Counter(SPLITS.values()) == {"train": 56, "dev": 18, "test": 17}

    def test_command_without_sound(self, converted: Any, shared_data: Path) -> None:
        card = converted("crema_d", shared_data / "crema_d", "--no-audio").card
        assert (card["utterances"], card["audio_root"], card["hours"]) == (7_442, None, None)
        assert sum(card["splits"]["test"]["labels"].values()) == 1_393
        votes = card["votes"]
        assert (votes["votes"], votes["strict"], votes["tied"], votes["as_label"]) == (
            68_568,
            5_012,
            644,
            3_099,
        )
        assert card["consensus"] == {"compared": 7_442, "different": 0}
        assert card["read"] == 7_442

    def test_folds_are_the_published_ones(self, shared_data: Path) -> None:
        published = json.loads((shared_data / "splits/crema_d_speaker_folds.json").read_text())
        names = {"Train": "train", "Development": "dev", "Test": "test"}
        for fold, parts in published.items():
            mine = fold_splits(int(fold))
            assert mine == {actor: names[part] for part in parts for actor in parts[part]}


def test_the_level_of_an_answer_is_the_intensity_of_its_emotion(
    converted: Any, by_rater: Path
) -> None:
    result = converted("crema_d", by_rater)
    angry = result["crema_d/1001_IEO_ANG_MD"]
    # Eight emotions with a level of 70, and a neutral answer, whose level means nothing.
    assert [vote.intensity for vote in angry.votes] == [70] * 8 + [None]
    assert angry.attribute_means == {"intensity": 70}
    assert result.card["attributes"] == {"intensity": [0, 100]}
    # Counts without annotators have no level, and the acted one of a name is none either.
    assert result["crema_d/1001_IEO_NEU_XX"].attribute_means == {}


def test_a_level_off_the_slider_costs_only_itself(faulty: Any, by_rater: Path) -> None:
    path = by_rater / "finishedResponses.csv"
    path.write_text(path.read_text().replace('"A",70,"A"', '"A",170,"A"', 1))
    message = "finishedResponses.csv:2: bad intensity '170' of 1001_IEO_ANG_MD"
    angry = faulty("crema_d", by_rater, message)["crema_d/1001_IEO_ANG_MD"]
    assert [vote.intensity for vote in angry.votes[:2]] == [None, 70]


def test_answers_without_a_level_are_read(converted: Any, by_rater: Path) -> None:
    path = by_rater / "finishedResponses.csv"
    path.write_text(path.read_text().replace('"respLevel"', '"level"'))
    angry = converted("crema_d", by_rater)["crema_d/1001_IEO_ANG_MD"]
    assert (len(angry.votes), angry.attribute_means) == (9, {})
