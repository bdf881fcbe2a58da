from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from whyser.utterance import Utterance
from whyser_converters.crema_d import LABELS, SENTENCES, SPLITS, prepare_crema_d

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
    assert "needs the raters' votes" in refused("crema_d", crema, "--label-source", "voice")
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
    assert result.card["dropped"] == {
        "crema_d/1076_MTI_SAD_XX: silent in the published corpus": 1,
        "sound without a row in tabulatedVotes.csv": 1,
    }


def test_old_clone_with_a_single_x(converted: Any, crema: Path) -> None:
    wav = crema / "AudioWAV/1049_DFA_FEA_XX.wav"
    wav.rename(wav.with_name("1049_DFA_FEA_X.wav"))
    assert converted("crema_d", crema)["crema_d/1049_DFA_FEA_XX"].audio.endswith("_X.wav")


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
        ('6,0.5,"F:S"\n', "6", "tabulatedVotes.csv:10: row of 9 cells, expected 11"),
        ('6,0.5,"F:S"\n', '6,0.5,"F', "tabulatedVotes.csv:10: not valid CSV from here on"),
        ('"fileName"', '"Filename"', "has no column 'fileName'"),
        (HEADER + ROWS, '"","A","D', "tabulatedVotes.csv:1: not valid CSV from here on"),
    ],
)
def test_bad_table(refused: Any, crema: Path, old: str, new: str, message: str) -> None:
    edit(crema, old, new)
    assert message in refused("crema_d", crema)


def test_every_fault_is_reported_at_once(refused: Any, crema: Path) -> None:
    edit(crema, "1001_IEO_ANG_MD", "1001_IEO_ANX_MD")
    (crema / "AudioWAV/1049_DFA_FEA_XX.wav").unlink()
    message = refused("crema_d", crema)
    assert "bad emotion code" in message
    assert "1049_DFA_FEA_XX.wav: no such sound file" in message
    assert "2 problems" in message


def test_without_an_account_the_first_fault_is_raised(crema: Path) -> None:
    from whyser.errors import InputError

    edit(crema, "1001_IEO_ANG_MD", "1001_IEO_ANX_MD")
    with pytest.raises(InputError, match="bad emotion code"):
        list(prepare_crema_d(crema))


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
        assert sum(card["counts"]["test"].values()) == 1_393
