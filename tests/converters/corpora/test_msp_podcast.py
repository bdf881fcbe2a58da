from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

STEMS = ("MSP-PODCAST_0001_0008", "MSP-PODCAST_0321_0003_0001", "MSP-PODCAST_0002_0001")

CONSENSUS = """FileName,EmoClass,EmoAct,EmoVal,EmoDom,SpkrID,Gender,Split_Set
MSP-PODCAST_0001_0008.wav,N,2.2,4.0,2.6,30,Male,Test1
MSP-PODCAST_0321_0003_0001.wav,X,3.777778,3.555556,3.777778,Unknown,Unknown,Development
MSP-PODCAST_0002_0001.wav,O,3.0,3.0,3.0,41,Female,Train
"""

VOTES = (
    ("0001_0008", "WORKER00000001", "Other-confused", "Concerned,Confused"),
    ("0001_0008", "WORKER00000018", "Neutral", "Neutral,Happy"),
    ("0001_0008", "WORKER00000019", "neutral", "Neutral"),
    ("0321_0003_0001", "WORKER00000001", "Contempt", ""),
    ("0321_0003_0001", "WORKER00000002", "Sad", "Sad,Depressed"),
    ("0002_0001", "WORKER00000003", "Other-hopeful, optimistic", "Other-hopeful,optimistic"),
)
TAIL = "A:3.000000; V:4.000000; D:2.800000;"


def line(worker: str, primary: str, secondary: str) -> str:
    # Some rows of the corpus lack the secondary field.
    return "; ".join([worker, primary, *([secondary] if secondary else []), TAIL])


def one_column(votes: Any = VOTES) -> str:
    rows = [f'MSP-PODCAST_{stem}.wav,"{line(*vote)}"' for stem, *vote in votes]
    return "\n".join(["FileName,EmoDetail", *rows, ""])


def many_columns(worker: str) -> str:
    header = f"FileName,{worker},EmoClass_Major,EmoClass_Second,EmoAct,EmoVal,EmoDom"
    rows = [f'MSP-PODCAST_{s}.wav,{w},"{p}","{sec}",3.0,4.0,2.8' for s, w, p, sec in VOTES]
    return "\n".join([header, *rows, ""])


def text_file() -> str:
    blocks = []
    for stem in dict.fromkeys(stem for stem, *_ in VOTES):
        lines = [line(*vote) for name, *vote in VOTES if name == stem]
        blocks.append("\n".join([f"MSP-PODCAST_{stem}.wav; N; {TAIL}", *lines, ""]))
    return "\n".join(blocks)


@pytest.fixture
def msp(tmp_path: Path, write_text: Any, write_wav: Any) -> Path:
    root = tmp_path / "MSP-PODCAST-Publish-1.12"
    write_text(root / "Labels/labels_consensus.csv", CONSENSUS)
    write_text(root / "Labels/labels_detailed.csv", one_column())
    write_text(root / "Transcripts/MSP-PODCAST_0001_0008.txt", "Well,\n  I do not know.\n")
    write_text(root / "Transcripts/MSP-PODCAST_0002_0001.txt", "")
    for stem in (*STEMS, "MSP-PODCAST_test3_0001"):
        write_wav(root / f"Audios/{stem}.wav")
    return root


def test_turns_become_utterances(converted: Any, msp: Path) -> None:
    result = converted("msp_podcast", msp)
    first = result["msp_podcast/MSP-PODCAST_0001_0008"]
    assert (first.label, first.label_raw, first.split) == ("neutral", "N", "test1")
    assert (first.speaker, first.gender) == ("msp_podcast/30", "male")
    assert first.audio == "Audios/MSP-PODCAST_0001_0008.wav"
    assert first.transcript == "Well, I do not know."
    second = result["msp_podcast/MSP-PODCAST_0321_0003_0001"]
    assert (second.label, second.label_raw, second.split) == (None, "X", "dev")
    assert (second.speaker, second.gender) == (None, None)
    assert result["msp_podcast/MSP-PODCAST_0002_0001"].label == "other"
    assert len(result.card["classes"]) == 8
    assert result.card["audio_root"] == str(msp.resolve())


def test_test3_is_kept_without_labels(converted: Any, msp: Path, write_text: Any) -> None:
    # One by the sound alone, one by the partition file, one by the consensus file.
    write_text(msp / "Partition.txt", "Test3; MSP-PODCAST_test3_0002.wav\n")
    row = "MSP-PODCAST_test3_0003.wav,,,,,,,Test3\n"
    write_text(msp / "Labels/labels_consensus.csv", CONSENSUS + row)
    items = converted("msp_podcast", msp, "--no-audio").utterances
    withheld = [item for item in items if item.split == "test3"]
    assert sorted(item.id[-5:] for item in withheld) == ["_0001", "_0002", "_0003"]
    assert {
        (item.label, item.label_raw, item.transcript, item.votes, item.speaker) for item in withheld
    } == {(None, "", "", (), None)}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("labels_detailed.csv", one_column()),
        ("labels_detailed.csv", many_columns("WorkerID")),
        ("labels_detailed.csv", many_columns("Workers")),
        ("labels.txt", text_file()),
    ],
)
def test_votes_in_every_schema(
    converted: Any, msp: Path, write_text: Any, name: str, text: str
) -> None:
    (msp / "Labels/labels_detailed.csv").unlink()
    write_text(msp / "Labels" / name, text)
    result = converted("msp_podcast", msp, "--no-audio")
    votes = result["msp_podcast/MSP-PODCAST_0001_0008"].votes
    assert [vote.rater for vote in votes] == [w for s, w, *_ in VOTES if s == "0001_0008"]
    assert [vote.primary for vote in votes] == ["other", "neutral", "neutral"]
    assert [vote.raw for vote in votes] == ["Other-confused", "Neutral", "neutral"]
    assert votes[0].secondary == ("concerned", "confused")
    assert votes[1].secondary == ("neutral", "happy")
    # The field that is missing, and the comma in a free text.
    votes = result["msp_podcast/MSP-PODCAST_0321_0003_0001"].votes
    assert [(vote.primary, vote.secondary) for vote in votes] == [
        ("contempt", ()),
        ("sad", ("sad", "depressed")),
    ]
    (vote,) = result["msp_podcast/MSP-PODCAST_0002_0001"].votes
    assert (vote.primary, vote.raw) == ("other", "Other-hopeful, optimistic")
    assert vote.secondary == ("other-hopeful", "optimistic")


def test_the_files_that_repeat_the_table_are_not_read(
    refused: Any, msp: Path, write_text: Any
) -> None:
    (msp / "Labels/labels_consensus.csv").unlink()
    write_text(msp / "Labels/labels_consensus.json", "{")
    write_text(msp / "Labels/labels.txt", text_file())
    assert "Labels/labels_consensus.csv: no such file" in refused("msp_podcast", msp)


def test_the_consensus_is_recomputed(converted: Any, msp: Path) -> None:
    """0001_0008 has two for neutral and one for Other; 0321 a tie, as X says; 0002 Other alone."""
    result = converted("msp_podcast", msp)
    assert result.card["consensus"] == {"compared": 3, "different": 0}
    labels = msp / "Labels/labels_consensus.csv"
    labels.write_text(CONSENSUS.replace(".wav,N,", ".wav,H,").replace(".wav,X,", ".wav,C,"))
    result = converted("msp_podcast", msp)
    assert result.card["consensus"] == {"compared": 3, "different": 2}
    assert (result.folder / "consensus_differences.csv").read_text().splitlines() == [
        "utterance,published,recomputed,votes",
        "msp_podcast/MSP-PODCAST_0001_0008,H,N,N N O",
        "msp_podcast/MSP-PODCAST_0321_0003_0001,C,,C S",
    ]
    # The published label stays: the list is there to be looked at.
    assert result["msp_podcast/MSP-PODCAST_0001_0008"].label == "happy"


def test_a_merge_changes_no_difference(converted: Any, msp: Path) -> None:
    """Consensus and votes are compared in the corpus' own codes."""
    result = converted("msp_podcast", msp, "--merge", "C=sad")
    assert result.card["consensus"] == {"compared": 3, "different": 0}


@pytest.mark.parametrize(
    ("labels", "audio", "transcripts", "file"),
    [
        ("label", "Audio", "Transcripts", "labels_concensus.csv"),  # 1.6
        ("Labels", "Audio", "transcripts", "labels_concensus.csv"),  # 1.7, 1.8
        ("labels", "audios", "Transcript", "labels_concensus.csv"),  # 1.9
        ("LABELS", "AUDIOS", "TRANSCRIPTS", "Labels_Consensus.csv"),
    ],
)
def test_spellings(
    converted: Any, msp: Path, labels: str, audio: str, transcripts: str, file: str
) -> None:
    (msp / "Labels/labels_consensus.csv").rename(msp / "Labels" / file)
    for old, new in (("Labels", labels), ("Audios", audio), ("Transcripts", transcripts)):
        (msp / old).rename(msp / new)
    result = converted("msp_podcast", msp)
    first = result["msp_podcast/MSP-PODCAST_0001_0008"]
    assert (first.audio, first.transcript) == (
        f"{audio}/MSP-PODCAST_0001_0008.wav",
        "Well, I do not know.",
    )
    assert len(first.votes) == 3


def test_older_spellings(converted: Any, msp: Path) -> None:
    labels = msp / "Labels/labels_consensus.csv"
    labels.write_text(CONSENSUS.replace("Development", "Validation"))
    labels.rename(labels.with_name("labels_concensus.csv"))
    (msp / "Labels").rename(msp / "label")
    (msp / "Audios").rename(msp / "Audio")
    result = converted("msp_podcast", msp)
    assert result["msp_podcast/MSP-PODCAST_0321_0003_0001"].split == "dev"
    assert result.utterances[0].audio.startswith("Audio/")


def test_partition_file_where_the_split_is_missing(
    converted: Any, faulty: Any, msp: Path, write_text: Any
) -> None:
    labels = msp / "Labels/labels_consensus.csv"
    labels.write_text(CONSENSUS.replace(",Test1", ",NA"))
    faulty("msp_podcast", msp, "labels_consensus.csv:2: 'MSP-PODCAST_0001_0008.wav' has no split")
    text = f"Test2; {STEMS[0]}.wav\nTrain; MSP-PODCAST_9999_0001.wav\n"
    write_text(msp / "Partitions.txt", text)
    result = converted("msp_podcast", msp)
    assert result[f"msp_podcast/{STEMS[0]}"].split == "test2"
    assert result.card["unused"] == {"turn of the partition file without a consensus": 1}


def test_partition_file_against_the_split_column(faulty: Any, msp: Path, write_text: Any) -> None:
    """Whether it trains or tests must not be guessed."""
    write_text(msp / "Partitions.txt", f"Train; {STEMS[0]}.wav\n")
    message = "labels_consensus.csv:2: Split_Set says test1, the partition file train"
    assert len(faulty("msp_podcast", msp, message).utterances) == 3


def test_what_is_missing_is_noted(convert: Any, msp: Path, tmp_path: Path) -> None:
    (msp / "Labels/labels_detailed.csv").unlink()
    outcome = convert("msp_podcast", msp, tmp_path / "out")
    assert outcome.status == 0
    for note in (
        "neither labels_detailed.csv nor labels.txt",
        "turns without votes: 3",
        "turns with no transcript: 1",
        "turns with an empty transcript: 1",
        "turns of an unknown speaker: 1",
        "4 utterances were read; the whole corpus has 207,136",
    ):
        assert note in outcome.err


def test_spaces_around_a_name_change_nothing(converted: Any, msp: Path) -> None:
    path = msp / "Labels/labels_detailed.csv"
    path.write_text(path.read_text().replace(".wav,", ".wav ,"))
    assert [len(item.votes) for item in converted("msp_podcast", msp).utterances] == [3, 2, 1, 0]


@pytest.mark.parametrize("kind", ["folder", "broken link"])
def test_a_transcript_that_cannot_be_read_costs_its_turn(faulty: Any, msp: Path, kind: str) -> None:
    path = msp / "Transcripts/MSP-PODCAST_0001_0008.txt"
    path.unlink()
    path.mkdir() if kind == "folder" else path.symlink_to("nowhere")
    result = faulty("msp_podcast", msp, f"{path}: transcript cannot be read (")
    assert len(result.utterances) == 3


def test_a_transcript_in_another_encoding_is_noted(
    convert: Any, msp: Path, tmp_path: Path, write_text: Any
) -> None:
    write_text(msp / "Transcripts/MSP-PODCAST_0001_0008.txt", "caf\xe9", encoding="latin-1")
    outcome = convert("msp_podcast", msp, tmp_path / "out")
    assert "turns with a transcript that is not UTF-8, its bad bytes replaced: 1" in outcome.err


def test_votes_without_a_turn_are_counted(converted: Any, msp: Path, write_text: Any) -> None:
    extra = (("9999_0001", "WORKER00000003", "Sad", "Sad"),)
    write_text(msp / "Labels/labels_detailed.csv", one_column(VOTES + extra))
    card = converted("msp_podcast", msp).card
    assert card["unused"] == {"vote line of a turn without a consensus": 1}


def test_reserved_mark_names_the_transcript(faulty: Any, msp: Path, write_text: Any) -> None:
    path = write_text(msp / "Transcripts/MSP-PODCAST_0001_0008.txt", "Well,\nI <audio> know.")
    faulty("msp_podcast", msp, f"{path}:2: transcript contains '<audio>'")


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("consensus", ",N,", ",K,", "labels_consensus.csv:2: bad EmoClass 'K'. Expected one of"),
        ("consensus", "Train", "Trian", "labels_consensus.csv:4: bad Split_Set 'Trian'"),
        (
            "consensus",
            "0002_0001",
            "0001_0008",
            "consensus.csv:4: duplicate id 'msp_podcast/MSP",
        ),
        ("consensus", "41,Female,Train\n", "41", "labels_consensus.csv:4: row of 6 cells"),
        ("detailed", "Neutral; Neutral,Happy; A:", "A:", "detailed.csv:3: malformed vote"),
    ],
)
def test_bad_labels(faulty: Any, msp: Path, file: str, old: str, new: str, message: str) -> None:
    path = msp / f"Labels/labels_{file}.csv"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    result = faulty("msp_podcast", msp, message)
    assert result.card["read"] == 4
    assert len(result.utterances) == 3


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("EmoClass", "EmoClas", "has no column 'EmoClass'. Expected one of"),
        (CONSENSUS, "", "labels_consensus.csv: is empty"),
        (CONSENSUS, CONSENSUS.replace(",", ";"), "consensus.csv:1: has cells separated by ';'"),
        (CONSENSUS, "\0".join(CONSENSUS), "consensus.csv:1: is not UTF-8 text. Save it as UTF-8."),
    ],
)
def test_bad_header(refused: Any, msp: Path, old: str, new: str, message: str) -> None:
    path = msp / "Labels/labels_consensus.csv"
    path.write_text(path.read_text().replace(old, new))
    assert message in refused("msp_podcast", msp)


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("consensus", "Male,Test1", "Male,Tset1"),
        ("detailed", "Neutral; Neutral,Happy; A:", "A:"),
    ],
)
def test_a_fault_in_one_of_two_entries_costs_both(
    converted: Any, msp: Path, file: str, old: str, new: str
) -> None:
    """The votes are of both, and a turn must not go on without them."""
    row = CONSENSUS.splitlines(keepends=True)[1]
    (msp / "Labels/labels_consensus.csv").write_text(CONSENSUS + row)
    path = msp / f"Labels/labels_{file}.csv"
    path.write_text(path.read_text().replace(old, new, 1))
    result = converted("msp_podcast", msp)
    assert "msp_podcast/MSP-PODCAST_0001_0008" not in {item.id for item in result.utterances}
    assert (result.card["read"], len(result.utterances)) == (5, 3)


def test_a_vote_whose_quote_is_never_closed(converted: Any, msp: Path) -> None:
    """It costs its turn, and not those whose votes stand below it."""
    path = msp / "Labels/labels_detailed.csv"
    text = path.read_text()
    path.write_text(text.replace('D:2.800000;"\n', "D:2.800000;\n", 1))
    result = converted("msp_podcast", msp)
    assert len(result.problems) == 1
    assert "labels_detailed.csv:2: not valid CSV" in result.problems[0]
    assert result.card["dropped"] == {"faulty line in labels_detailed.csv": 1}
    assert [len(item.votes) for item in result.utterances] == [2, 1, 0]


def test_a_text_file_that_begins_with_a_rater(
    converted: Any, refused: Any, msp: Path, write_text: Any
) -> None:
    (msp / "Labels/labels_detailed.csv").unlink()
    write_text(msp / "Labels/labels.txt", text_file().partition("\n")[2])
    assert "labels.txt:1: annotator's line" in refused("msp_podcast", msp, "--strict")
    # Whose votes they are nobody knows; the votes of the others are not touched.
    result = converted("msp_podcast", msp)
    assert [len(item.votes) for item in result.utterances] == [0, 2, 1, 0]
    assert result.card["unused"] == {"faulty line in labels.txt": 3}


def test_bad_partition_line(faulty: Any, msp: Path, write_text: Any) -> None:
    write_text(msp / "Partitions.txt", f"Train; a.wav\nTran; {STEMS[2]}.wav\n")
    message = f"Partitions.txt:2: malformed line 'Tran; {STEMS[2]}.wav'"
    assert len(faulty("msp_podcast", msp, message).utterances) == 3


MANIKINS = {"arousal": [1.0, 7.0], "valence": [1.0, 7.0], "dominance": [1.0, 7.0]}
FIRST = "msp_podcast/MSP-PODCAST_0001_0008"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("labels_detailed.csv", one_column()),
        ("labels_detailed.csv", many_columns("WorkerID")),
        ("labels.txt", text_file()),
    ],
)
def test_attributes_of_every_vote_in_every_schema(
    converted: Any, msp: Path, write_text: Any, name: str, text: str
) -> None:
    (msp / "Labels/labels_detailed.csv").unlink()
    write_text(msp / "Labels" / name, text)
    result = converted("msp_podcast", msp, "--no-audio")
    for utterance in result.utterances:
        for vote in utterance.votes:
            assert (vote.arousal, vote.valence, vote.dominance) == (3.0, 4.0, 2.8)
            assert vote.intensity is None
        assert utterance.attributes == {}
    means = result[FIRST].attribute_means
    assert means == pytest.approx({"arousal": 3, "valence": 4, "dominance": 2.8})
    assert result.card["attributes"] == MANIKINS


def test_published_means_are_compared_with_those_of_the_votes(
    converted: Any, convert: Any, msp: Path, tmp_path: Path
) -> None:
    said = convert("msp_podcast", msp, tmp_path / "said", "--no-audio").err
    assert "attributes: of 9 published means 7 differ from those of the votes, listed in" in said
    result = converted("msp_podcast", msp, "--no-audio")
    assert result.card["attribute_means"] == {"compared": 9, "different": 7}
    listed = (result.folder / "attribute_differences.csv").read_text().splitlines()
    assert listed[:3] == [
        "utterance,attribute,published,recomputed",
        f"{FIRST},arousal,2.2,3.0",
        f"{FIRST},dominance,2.6,2.8",
    ]
    # Six decimals of a third are no difference.
    table = msp / "Labels/labels_consensus.csv"
    table.write_text(table.read_text().replace(",N,2.2,4.0,2.6,", ",N,3.0003,4,2.8,"))
    again = converted("msp_podcast", msp, "--no-audio")
    assert again.card["attribute_means"] == {"compared": 9, "different": 5}


def test_without_votes_the_published_means_are_kept(converted: Any, msp: Path) -> None:
    (msp / "Labels/labels_detailed.csv").unlink()
    result = converted("msp_podcast", msp, "--no-audio")
    means = {"arousal": 2.2, "valence": 4.0, "dominance": 2.6}
    assert result[FIRST].attributes == result[FIRST].attribute_means == means
    assert result.card["attribute_means"] is None
    assert not (result.folder / "attribute_differences.csv").exists()


@pytest.mark.parametrize("value", ["8.000000", "0", "high", "-1"])
def test_a_value_off_its_scale_costs_only_itself(faulty: Any, msp: Path, value: str) -> None:
    table = msp / "Labels/labels_detailed.csv"
    bad = TAIL.replace("V:4.000000", f"V:{value}")
    table.write_text(table.read_text().replace(TAIL, bad, 1))
    message = (
        f"labels_detailed.csv:2: bad valence '{value}' of MSP-PODCAST_0001_0008.wav. "
        "Expected 1 to 7. Only this value is left out."
    )
    result = faulty("msp_podcast", msp, message, "--no-audio")
    vote, *_ = result[FIRST].votes
    assert (vote.primary, vote.arousal, vote.valence) == ("other", 3.0, None)
    assert result.card["unused"] == {"value of an attribute that is not on its scale": 1}


@pytest.mark.parametrize("value", ["", " ", "nan"])
def test_a_missing_value_is_no_fault(converted: Any, msp: Path, value: str) -> None:
    table = msp / "Labels/labels_detailed.csv"
    table.write_text(table.read_text().replace("V:4.000000", f"V:{value}", 1))
    vote, other, *_ = converted("msp_podcast", msp, "--no-audio")[FIRST].votes
    assert (vote.arousal, vote.valence, other.valence) == (3.0, None, 4.0)


def test_tables_without_attributes_are_read(converted: Any, msp: Path, write_text: Any) -> None:
    lines = ["FileName,WorkerID,EmoClass_Major,EmoClass_Second"]
    lines += [f'MSP-PODCAST_{s}.wav,{w},"{p}","{sec}"' for s, w, p, sec in VOTES]
    write_text(msp / "Labels/labels_detailed.csv", "\n".join([*lines, ""]))
    rows = [line.split(",") for line in CONSENSUS.splitlines()]
    short = "\n".join(",".join(row[:2] + row[5:]) for row in rows)
    write_text(msp / "Labels/labels_consensus.csv", short + "\n")
    result = converted("msp_podcast", msp, "--no-audio")
    assert [vote.arousal for vote in result[FIRST].votes] == [None] * 3
    assert result[FIRST].attribute_means == {}
