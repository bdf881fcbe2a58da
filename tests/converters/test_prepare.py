"""What all five converters share: folders, sound, determinism, resumption, the table."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest

from whyser.corpus import Corpus
from whyser_converters.corpora import CORPORA, classes_of


@pytest.mark.parametrize("name", CORPORA)
def test_demo_corpus_end_to_end(converted: Any, native_corpora: Path, name: str) -> None:
    result = converted(name, native_corpora / name)
    corpus = Corpus(result.folder / "utterances.jsonl")
    items = result.utterances
    assert {item.corpus for item in items} == {name}
    assert {"train", "dev"} <= {item.split for item in items}
    for item in items:
        assert (item.sampling_rate, item.channels) == (16_000, 1)
        assert corpus.audio_path(item).is_file()
    card = corpus.card
    assert card.utterances == len(items) == sum(sum(c.values()) for c in card.counts.values())
    assert card.classes == classes_of(CORPORA[name].labels)
    assert card.hours is not None and card.hours > 0
    rated = name in {"msp_podcast", "iemocap", "crema_d"}
    assert any(item.votes for item in items) == rated


@pytest.mark.parametrize("name", CORPORA)
def test_the_same_corpus_gives_the_same_bytes(
    convert: Any, native_corpora: Path, tmp_path: Path, name: str
) -> None:
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        assert convert(name, native_corpora / name, folder).status == 0
    for file in ("utterances.jsonl", "corpus.json"):
        one, two = ((folder / name / file).read_bytes() for folder in folders)
        assert one == two


@pytest.mark.parametrize("name", CORPORA)
def test_without_audio(converted: Any, native_corpora: Path, name: str) -> None:
    result = converted(name, native_corpora / name, "--no-audio")
    assert {(item.audio, item.duration) for item in result.utterances} == {(None, None)}
    assert (result.card["audio_root"], result.card["hours"]) == (None, None)
    assert sorted(path.name for path in result.folder.iterdir()) == [
        "corpus.json",
        "utterances.jsonl",
    ]


@pytest.mark.parametrize("name", CORPORA)
def test_another_corpus(refused: Any, native_corpora: Path, name: str) -> None:
    other = "ravdess" if name == "meld" else "meld"
    message = refused(name, native_corpora / other)
    assert f"is not a {CORPORA[name].title} folder" in message
    assert f"run 'whyser-convert {other}'" in message


def test_folders_that_are_no_corpus(refused: Any, native_corpora: Path, tmp_path: Path) -> None:
    assert "found no processedResults/tabulatedVotes.csv" in refused("crema_d", tmp_path)
    assert "no such folder" in refused("crema_d", tmp_path / "nowhere")
    message = refused("crema_d", native_corpora)
    assert f"Did you mean '{native_corpora / 'crema_d'}'?" in message


@pytest.fixture
def clips(tmp_path: Path, write_wav: Any) -> list[Path]:
    """A RAVDESS of three clips in a folder with a space in its name."""
    root = tmp_path / "my corpora/ravdess"
    names = ("03-01-03-01-01-01-01", "03-01-04-01-01-01-01", "03-01-05-01-01-01-02")
    return [write_wav(root / f"Actor_{name[-2:]}/{name}.wav", rate=48_000) for name in names]


LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 72862\n"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is empty (0 bytes)"),
        (LFS, "is a Git LFS pointer, not sound. Run 'git lfs pull'"),
        (b"RIFF and nothing", "is not a readable sound file"),
    ],
)
def test_bad_sound(refused: Any, clips: list[Path], data: bytes, message: str) -> None:
    clips[0].write_bytes(data)
    clips[2].write_bytes(data)
    found = refused("ravdess", clips[0].parents[1])
    assert f"{clips[0]}: {message}" in found
    assert f"{clips[2]}: {message}" in found
    assert "2 problems" in found


def test_no_frames(refused: Any, clips: list[Path], write_wav: Any) -> None:
    write_wav(clips[1], seconds=0)
    assert f"{clips[1]}: holds no samples" in refused("ravdess", clips[0].parents[1])


def test_a_failure_leaves_the_last_good_output(
    convert: Any, converted: Any, clips: list[Path], tmp_path: Path
) -> None:
    root = clips[0].parents[1]
    folder = converted("ravdess", root).folder
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    clips[0].write_bytes(b"")
    assert convert("ravdess", root, tmp_path / "out").status == 1
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_sound_is_written_once(converted: Any, clips: list[Path], write_wav: Any) -> None:
    root = clips[0].parents[1]
    folder = converted("ravdess", root).folder / "audio"
    written = [folder / clip.name for clip in clips]
    (folder / clips[1].name).unlink()  # as if the run had been killed before it
    times = [written[0].stat().st_mtime_ns, written[2].stat().st_mtime_ns]
    write_wav(clips[2], rate=48_000, seconds=0.2)  # and a source mended since
    later = time.time() + 10
    os.utime(clips[2], (later, later))

    result = converted("ravdess", root)
    assert written[0].stat().st_mtime_ns == times[0]
    assert written[1].is_file()
    assert written[2].stat().st_mtime_ns != times[1]
    assert [item.duration for item in result.utterances] == [0.1, 0.1, 0.2]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--merge", "exd=happy"], "iemocap has no label code 'exd' to merge. Expected one of"),
        (["--merge", "exd=happy"], "Did you mean 'exc'?"),
        (["--merge", "exc=hapy"], "bad label 'hapy'"),
        (["--merge", "xxx=happy"], "no label code 'xxx'"),
        (["--merge", "exc"], "expected CODE=CLASS"),
        (["--split-scheme", "sessions"], "sessions"),
        (["--label-source", "voice"], "--label-source"),
    ],
)
def test_wrong_usage(
    refused: Any, native_corpora: Path, arguments: list[str], message: str
) -> None:
    # The usage error is drawn in a box on some terminals.
    found = refused("iemocap", native_corpora / "iemocap", *arguments, status=2)
    assert message in " ".join(found.replace("│", " ").split())


def test_table_of_counts(convert: Any, clips: list[Path], tmp_path: Path) -> None:
    outcome = convert("ravdess", clips[0].parents[1], tmp_path / "out")
    rows = [line.replace("│", " ").split() for line in outcome.out.splitlines()]
    assert ["train", "1", "0", "0", "1"] in rows
    assert ["test", "0", "1", "1", "2"] in rows
    assert "3 utterances were found; the whole corpus has 1,440" in outcome.err


def test_classes_of_the_corpora() -> None:
    counts = {name: len(classes_of(spec.labels)) for name, spec in CORPORA.items()}
    assert counts == {"msp_podcast": 8, "iemocap": 7, "meld": 7, "crema_d": 6, "ravdess": 7}
    assert not [
        n for n in CORPORA if n != "msp_podcast" and "contempt" in classes_of(CORPORA[n].labels)
    ]


def test_only_corpora_without_official_splits_offer_a_scheme() -> None:
    offered = {name for name, spec in CORPORA.items() if "split_scheme" in spec.options}
    assert offered == {"iemocap", "crema_d", "ravdess"}
