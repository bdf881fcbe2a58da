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
    converted: Any, refused: Any, msp: Path, write_text: Any
) -> None:
    labels = msp / "Labels/labels_consensus.csv"
    labels.write_text(CONSENSUS.replace(",Test1", ",NA"))
    assert "labels_consensus.csv:2: bad Split_Set 'NA'" in refused("msp_podcast", msp)
    text = f"Test2; {STEMS[0]}.wav\nTrain; MSP-PODCAST_9999_0001.wav\n"
    write_text(msp / "Partitions.txt", text)
    result = converted("msp_podcast", msp)
    assert result[f"msp_podcast/{STEMS[0]}"].split == "test2"
    assert result.card["dropped"] == {"turn of the partition file without a consensus": 1}


def test_what_is_missing_is_noted(convert: Any, msp: Path, tmp_path: Path) -> None:
    (msp / "Labels/labels_detailed.csv").unlink()
    outcome = convert("msp_podcast", msp, tmp_path / "out")
    assert outcome.status == 0
    for note in (
        "neither labels_detailed.csv nor labels.txt",
        "turns without votes: 3",
        "turns with no transcript: 1",
        "turns with an empty transcript: 1",
        "4 utterances were found; the whole corpus has 207,136",
    ):
        assert note in outcome.err


def test_votes_without_a_turn_are_counted(converted: Any, msp: Path, write_text: Any) -> None:
    extra = (("9999_0001", "WORKER00000003", "Sad", "Sad"),)
    write_text(msp / "Labels/labels_detailed.csv", one_column(VOTES + extra))
    card = converted("msp_podcast", msp).card
    assert card["dropped"] == {"vote line of a turn without a consensus": 1}


def test_reserved_mark_names_the_transcript(refused: Any, msp: Path, write_text: Any) -> None:
    path = write_text(msp / "Transcripts/MSP-PODCAST_0001_0008.txt", "Well,\nI <audio> know.")
    assert f"{path}:2: transcript holds '<audio>'" in refused("msp_podcast", msp)


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("consensus", ",N,", ",K,", "labels_consensus.csv:2: bad EmoClass 'K'. Expected one of"),
        ("consensus", "Train", "Trian", "labels_consensus.csv:4: bad Split_Set 'Trian'"),
        ("consensus", "0002_0001", "0001_0008", "consensus.csv:4: 'msp_podcast/MSP-PODCAST_0001"),
        ("consensus", "41,Female,Train\n", "41", "labels_consensus.csv:4: row of 6 cells"),
        ("consensus", "EmoClass", "EmoClas", "has no column 'EmoClass'. Expected one of"),
        ("consensus", CONSENSUS, "", "labels_consensus.csv: is empty"),
        ("detailed", "Neutral; Neutral,Happy; A:", "A:", "detailed.csv:3: malformed vote"),
        ("detailed", 'A:3.000000; V:4.000000; D:2.800000;"\n', "", "detailed.csv:2: "),
    ],
)
def test_bad_labels(refused: Any, msp: Path, file: str, old: str, new: str, message: str) -> None:
    path = msp / f"Labels/labels_{file}.csv"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    assert message in refused("msp_podcast", msp)


def test_a_text_file_that_begins_with_a_rater(refused: Any, msp: Path, write_text: Any) -> None:
    (msp / "Labels/labels_detailed.csv").unlink()
    write_text(msp / "Labels/labels.txt", text_file().partition("\n")[2])
    assert "labels.txt:1: rater's line" in refused("msp_podcast", msp)


def test_bad_partition_line(refused: Any, msp: Path, write_text: Any) -> None:
    write_text(msp / "Partitions.txt", "Train; a.wav\nTran; b.wav\n")
    assert "Partitions.txt:2: malformed line 'Tran; b.wav'" in refused("msp_podcast", msp)
