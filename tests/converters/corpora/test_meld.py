from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import soundfile

from whyser_converters.corpora.meld import prepare_meld

HEADER = (
    "Sr No.,Utterance,Speaker,Emotion,Sentiment,Dialogue_ID,Utterance_ID,Season,Episode,"
    "StartTime,EndTime\r\n"
)
TIMES = '8,21,"00:16:16,059","0:16:21,731"\r\n'
FOLDERS = {
    "train": "train_splits",
    "dev": "dev_splits_complete",
    "test": "output_repeated_splits_test",
}


def table(*rows: str) -> str:
    return HEADER + "".join(f"{number},{row},{TIMES}" for number, row in enumerate(rows, 1))


TABLES = {
    "train": table(
        '"Oh my God, he\u2019s lost it.",Phoebe,sadness,negative,0,0',
        "What?,The Interviewer,joy,positive,0,1",
    ),
    "dev": table("You\u2019re a genius!,Chandler,surprise,positive,0,0"),
    "test": table(
        "Push!,Joey,neutral,neutral,0,0",
        "Why?,Monica and Ross,disgust,negative,125,3",
    ),
}


@pytest.fixture
def meld(tmp_path: Path, write_text: Any, write_wav: Any) -> Path:
    root = tmp_path / "meld"
    names = {"train": ["dia0_utt0", "dia0_utt1"], "dev": ["dia0_utt0"]}
    names["test"] = ["dia0_utt0", "dia125_utt3"]
    for split, text in TABLES.items():
        write_text(root / f"{split}_sent_emo.csv", text)
        for name in names[split]:
            write_wav(root / FOLDERS[split] / f"{name}.wav")
    return root


def test_rows_become_utterances(converted: Any, meld: Path) -> None:
    result = converted("meld", meld)
    assert [item.id for item in result.utterances] == [
        "meld/train/dia0_utt0",
        "meld/train/dia0_utt1",
        "meld/dev/dia0_utt0",
        "meld/test/dia0_utt0",
        "meld/test/dia125_utt3",
    ]
    sad = result["meld/train/dia0_utt0"]
    assert (sad.label, sad.label_raw, sad.votes) == ("sad", "sadness", ())
    assert sad.transcript == "Oh my God, he\u2019s lost it."
    assert (sad.speaker, sad.gender) == ("meld/Phoebe", "female")
    assert result["meld/train/dia0_utt1"].gender is None
    assert result["meld/train/dia0_utt1"].label == "happy"
    # All of it is 16 kHz mono wav, so it stays where it is.
    assert sad.audio == "train_splits/dia0_utt0.wav"


def test_a_speaker_is_a_name_without_spaces_around_it(converted: Any, meld: Path) -> None:
    path = meld / "train_sent_emo.csv"
    text = path.read_text().replace("Phoebe", " Phoebe ").replace("The Interviewer", "")
    path.write_text(text)
    first, second = converted("meld", meld).utterances[:2]
    assert (first.speaker, first.gender) == ("meld/Phoebe", "female")
    assert second.speaker is None


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1"])
def test_old_encodings(converted: Any, meld: Path, write_text: Any, encoding: str) -> None:
    """C1 controls in UTF-8 (cp1252 read as latin-1 once), or raw cp1252 bytes."""
    text = TABLES["train"]
    if encoding == "latin-1":
        write_text(meld / "train_sent_emo.csv", text.encode("cp1252").decode("latin-1"))
    else:
        write_text(meld / "train_sent_emo.csv", text, encoding="cp1252")
    result = converted("meld", meld)
    assert result["meld/train/dia0_utt0"].transcript == "Oh my God, he\u2019s lost it."


def test_bytes_that_no_encoding_has(converted: Any, meld: Path) -> None:
    path = meld / "train_sent_emo.csv"
    path.write_bytes(path.read_bytes().replace(b"What?", b"Caf\xe9\x81"))
    assert converted("meld", meld)["meld/train/dia0_utt1"].transcript == "Caf\xe9\ufffd"


@pytest.mark.parametrize("place", ["data/MELD", "MELD.Raw", "{split}"])
def test_where_the_tables_may_lie(converted: Any, meld: Path, place: str) -> None:
    for split in FOLDERS:
        folder = meld / place.format(split=split)
        folder.mkdir(parents=True, exist_ok=True)
        name = f"{split}_sent_emo.csv"
        (meld / name).rename(folder / name)
    (meld / "train").mkdir(exist_ok=True)
    (meld / "train_splits").rename(meld / "train/train_splits")
    result = converted("meld", meld)
    assert len(result.utterances) == 5
    assert result.utterances[0].audio == "train/train_splits/dia0_utt0.wav"


def test_video_is_written_as_16_khz_mono(
    converted: Any, convert: Any, meld: Path, tmp_path: Path, native_corpora: Path
) -> None:
    source = next(native_corpora.glob("meld/**/dia*.mp4"))
    (meld / "train_splits/dia0_utt0.wav").unlink()
    (meld / "train_splits/dia0_utt0.mp4").write_bytes(source.read_bytes())
    result = converted("meld", meld)
    assert result.card["audio_root"] == "audio"
    assert sorted(item.audio for item in result.utterances)[0] == "dev/dia0_utt0.wav"
    for item in result.utterances:
        info = soundfile.info(str(result.folder / "audio" / item.audio))
        assert (info.samplerate, info.channels) == (16_000, 1)
        assert info.frames > 0
    # A broken video is found out before anything is written.
    (meld / "train_splits/dia0_utt0.mp4").write_bytes(source.read_bytes()[:200])
    outcome = convert("meld", meld, tmp_path / "again", "--strict")
    assert outcome.status == 1
    assert "dia0_utt0.mp4: is not a readable sound file" in outcome.err
    assert not (tmp_path / "again").exists()


def test_bad_files_are_bad_in_their_split_only(converted: Any, meld: Path, write_text: Any) -> None:
    text = TABLES["train"].replace("positive,0,1", "positive,125,3")
    write_text(meld / "train_sent_emo.csv", text)
    result = converted("meld", meld)
    ids = [item.id for item in result.utterances]
    assert "meld/train/dia125_utt3" not in ids
    assert "meld/test/dia125_utt3" in ids
    assert result.card["dropped"] == {
        "meld/train/dia125_utt3: unreadable in the published corpus": 1
    }
    assert result.card["unused"] == {"train media file without a row in the CSV": 1}


def test_the_absent_clip_of_dev(converted: Any, meld: Path, write_text: Any) -> None:
    """dev dia110_utt7 was never published; that of test is another, and fine."""
    row = "Well.,Ross,neutral,neutral,110,7"
    write_text(meld / "dev_sent_emo.csv", table(row))
    write_text(meld / "test_sent_emo.csv", table(row))
    folder = meld / FOLDERS["test"]
    (folder / "dia0_utt0.wav").rename(folder / "dia110_utt7.wav")
    result = converted("meld", meld)
    assert [item.id for item in result.utterances if item.split != "train"] == [
        "meld/test/dia110_utt7"
    ]
    assert result.card["dropped"] == {"meld/dev/dia110_utt7: absent from the published corpus": 1}


def test_videos_that_are_written_are_not_written_again(
    converted: Any, meld: Path, native_corpora: Path
) -> None:
    source = next(native_corpora.glob("meld/**/dia*.mp4"))
    for name in ("dia0_utt0", "dia0_utt1"):
        (meld / f"train_splits/{name}.wav").unlink()
        (meld / f"train_splits/{name}.mp4").write_bytes(source.read_bytes())
    result = converted("meld", meld)
    written = [result.folder / f"audio/train/dia0_utt{number}.wav" for number in (0, 1)]
    times = [path.stat().st_ctime_ns for path in written]
    before = result.utterances
    written[1].unlink()  # as if the run had been killed before it
    again = converted("meld", meld)
    assert again.utterances == before
    assert written[0].stat().st_ctime_ns == times[0]
    assert written[1].stat().st_ctime_ns != times[1]


def test_junk_beside_the_clips(converted: Any, meld: Path, write_wav: Any) -> None:
    folder = meld / FOLDERS["test"]
    for name in ("final_videos_testdia0_utt0", "dia93_utt5", "._dia0_utt0"):
        write_wav(folder / f"{name}.wav")
    result = converted("meld", meld)
    assert len(result.utterances) == 5
    assert result.card["unused"] == {"test media file without a row in the CSV": 2}


def test_a_split_that_is_absent_is_noted(convert: Any, meld: Path, tmp_path: Path) -> None:
    (meld / "dev_sent_emo.csv").unlink()
    outcome = convert("meld", meld, tmp_path / "out")
    assert outcome.status == 0
    assert "no dev_sent_emo.csv: split dev is absent" in outcome.err


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("sadness", "sadnes", "train_sent_emo.csv:2: bad Emotion 'sadnes'"),
        ("sadness", "sadnes", "Did you mean 'sadness'?"),
        ("What?", "<audio>", "train_sent_emo.csv:3: transcript contains '<audio>'"),
        ("positive,0,1", "positive,0,0", "emo.csv:3: duplicate id 'meld/train/dia0_utt0'"),
        ("positive,0,1", "positive,0,one", "train_sent_emo.csv:3: bad Utterance_ID 'one'"),
    ],
)
def test_bad_rows(
    faulty: Any, meld: Path, write_text: Any, old: str, new: str, message: str
) -> None:
    write_text(meld / "train_sent_emo.csv", TABLES["train"].replace(old, new))
    result = faulty("meld", meld, message)
    assert (result.card["read"], len(result.utterances)) == (5, 4)


def test_a_column_by_another_name(refused: Any, meld: Path, write_text: Any) -> None:
    write_text(meld / "train_sent_emo.csv", TABLES["train"].replace("Emotion", "Emotions"))
    assert "has no column 'Emotion'" in refused("meld", meld)


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ('1,731"\r\n2', "1,731\r\n2", 2),  # the quote swallows the row below
        ('"0:16:21,731"\r\n2', '"0:16:21,731\r\n2', 2),
        ('1,731"\r\nEND', "1,73", 3),  # the file is cut short
        ("What?", "What\0?", 3),
    ],
)
def test_a_quote_that_is_never_closed_costs_its_own_row(
    faulty: Any, meld: Path, write_text: Any, old: str, new: str, line: int
) -> None:
    text = (TABLES["train"] + "END").replace(old, new).removesuffix("END")
    assert text != TABLES["train"]
    write_text(meld / "train_sent_emo.csv", text)
    result = faulty("meld", meld, f"train_sent_emo.csv:{line}: not valid")
    kept = [item.id for item in result.utterances if item.split == "train"]
    assert kept == [f"meld/train/dia0_utt{3 - line}"]


def test_wrongly_cut_and_near_empty_clips(
    converted: Any, meld: Path, write_text: Any, write_wav: Any
) -> None:
    """Training and development lose them; the published test set stays whole."""
    rows = TABLES["train"].replace("negative,0,0", "negative,309,0")
    write_text(meld / "train_sent_emo.csv", rows)
    write_wav(meld / "train_splits/dia309_utt0.wav", seconds=0.5)
    write_wav(meld / "dev_splits_complete/dia0_utt0.wav", seconds=0.064)
    write_wav(meld / "output_repeated_splits_test/dia0_utt0.wav", seconds=0.064)
    write_text(meld / "test_sent_emo.csv", TABLES["test"].replace("125,3", "38,4"))
    write_wav(meld / "output_repeated_splits_test/dia38_utt4.wav", seconds=0.5)
    result = converted("meld", meld)
    assert [item.id for item in result.utterances] == [
        "meld/train/dia0_utt1",
        "meld/test/dia0_utt0",
        "meld/test/dia38_utt4",
    ]
    assert result.card["dropped"] == {
        "shorter than 0.1 s": 1,
        "wrongly cut in the published corpus (41 s)": 1,
    }
    kept = converted("meld", meld, "--doubtful-sound", "keep")
    assert len(kept.utterances) == 5


def test_dialogues_of_two_splits_are_not_the_same(converted: Any, meld: Path) -> None:
    result = converted("meld", meld)
    names = [result[f"meld/{split}/dia0_utt0"].dialogue for split in FOLDERS]
    assert names == ["meld/train/dia0", "meld/dev/dia0", "meld/test/dia0"]


@pytest.mark.shared_data
class TestRealTables:
    def test_counts(self, converted: Any, shared_data: Path) -> None:
        card = converted("meld", shared_data / "meld", "--no-audio").card
        order = ("neutral", "happy", "surprise", "angry", "sad", "disgust", "fear")
        counts = {
            split: [each["labels"][name] for name in order]
            for split, each in card["splits"].items()
        }
        assert counts == {
            "train": [4710, 1743, 1205, 1109, 683, 271, 268],
            "dev": [470, 163, 150, 153, 111, 22, 40],
            "test": [1256, 402, 281, 345, 208, 68, 50],
        }
        assert [sum(each) for each in counts.values()] == [9_989, 1_109, 2_610]

    def test_the_old_file_equals_the_new_one(self, tmp_path: Path, shared_data: Path) -> None:
        old, new = tmp_path / "old", shared_data / "meld"
        old.mkdir()
        name = "train_sent_emo.csv"
        (old / name).write_bytes((new / f"old_encoding_{name}").read_bytes())
        mended = [item for item in prepare_meld(old) if item.split == "train"]
        current = [item for item in prepare_meld(new) if item.split == "train"]
        assert len(current) == 9_989
        assert mended == current
        speakers = Counter(item.speaker for item in current)
        assert len(speakers) == 260
