"""Behaviour that all five converters share: folders, audio, determinism, resuming, the table."""

from __future__ import annotations

import errno
import os
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import soundfile

from whyser.io.errors import InputError
from whyser.records.corpus import Corpus
from whyser_converters.convert.run import prepare
from whyser_converters.corpora.registry import CORPORA
from whyser_converters.corpora.spec import classes_of


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
    assert card.utterances == len(items)
    assert card.read == card.utterances + sum(card.dropped.values())
    for split, summary in card.splits.items():
        mine = [item for item in items if item.split == split]
        assert summary.utterances == len(mine) == sum(summary.labels.values())
        assert summary.speakers == len({item.speaker for item in mine} - {None})
        seconds = sum(item.duration or 0 for item in mine)
        assert summary.hours == pytest.approx(seconds / 3600, abs=1e-4)
    assert card.classes == classes_of(CORPORA[name].labels)
    assert card.hours is not None and card.hours > 0
    rated = name in {"msp_podcast", "iemocap", "crema_d"}
    assert any(item.votes for item in items) == rated == (card.votes is not None)
    # The demo writes its consensus by the rule that is recomputed here.
    assert card.consensus is None or card.consensus.different == 0


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
        (b"RIFF and nothing", "is not a readable sound file"),
    ],
)
def test_bad_sound(faulty: Any, clips: list[Path], data: bytes, message: str) -> None:
    clips[0].write_bytes(data)
    result = faulty("ravdess", clips[0].parents[1], f"{clips[0]}: {message}")
    assert [item.audio for item in result.utterances] == [clips[1].name, clips[2].name]
    assert result.card["dropped"] == {"sound is missing or unreadable": 1}


def test_a_clone_without_its_large_files(refused: Any, clips: list[Path]) -> None:
    clips[0].write_bytes(LFS)
    message = f"{clips[0]}: is a Git LFS pointer, not sound. Run 'git lfs pull'"
    found = refused("ravdess", clips[0].parents[1])
    assert message in found
    # An archive of the repository has no git, and the budget may be spent.
    assert "in a git clone" in found and "from the authors' release or mirror" in found


def test_more_sound_lost_than_found(refused: Any, clips: list[Path]) -> None:
    clips[0].unlink()
    clips[0].touch()
    clips[2].write_bytes(b"")
    found = refused("ravdess", clips[0].parents[1])
    assert "2 clips have no usable sound, and 1 have" in found
    assert f"{clips[0]}: is empty (0 bytes)" in found
    assert f"{clips[2]}: is empty (0 bytes)" in found


def test_a_sound_without_permission_costs_its_utterance(
    faulty: Any, clips: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    clips[0].write_bytes(b"RIFF")
    real = Path.open

    # By hand, since the tests may run as root, who may read everything.
    def refusing(path: Path, *arguments: Any, **options: Any) -> Any:
        if path == clips[0]:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return real(path, *arguments, **options)

    monkeypatch.setattr(Path, "open", refusing)
    message = f"{clips[0]}: cannot be read (Permission denied)"
    assert len(faulty("ravdess", clips[0].parents[1], message).utterances) == 2


def test_a_full_disk_ends_the_run(
    convert: Any, clips: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_arguments: Any, **_options: Any) -> None:
        raise soundfile.LibsndfileError(2)

    monkeypatch.setattr(soundfile, "write", full)
    outcome = convert("ravdess", clips[0].parents[1], tmp_path / "out")
    assert outcome.status == 1
    assert "cannot be written, is the disk full?" in outcome.err


@pytest.mark.skipif(sys.platform == "darwin", reason="its file systems have UTF-8 names only")
def test_folders_whose_names_are_not_utf_8(
    converted: Any, clips: list[Path], tmp_path: Path
) -> None:
    root, odd = clips[0].parents[1], tmp_path / os.fsdecode(b"caf\xe9")
    shutil.copytree(root, odd)
    for corpus_dir, out_dir in ((odd, tmp_path / "out"), (root, odd / "out")):
        # Not by the command, whose message pytest's own standard error cannot hold.
        with pytest.raises(InputError, match="has a name that is not UTF-8"):
            prepare(CORPORA["ravdess"], corpus_dir, out_dir)
    assert len(converted("ravdess", odd, "--no-audio").utterances) == 3


def test_a_corpus_that_is_reached_by_a_link_keeps_its_name(
    converted: Any, tmp_path: Path, write_wav: Any
) -> None:
    for disk in ("disk1", "disk2"):
        write_wav(tmp_path / disk / "crema/AudioWAV/1001_IEO_ANG_HI.wav")
    link = tmp_path / "data"
    link.symlink_to("disk1")
    result = converted("crema_d", link / "crema")
    assert result.card["audio_root"] == str(link / "crema")
    # On the other machine, the same name leads elsewhere.
    link.unlink()
    shutil.rmtree(tmp_path / "disk1")
    link.symlink_to("disk2")
    corpus = Corpus(result.folder / "utterances.jsonl")
    path = corpus.audio_path(result.utterances[0])
    assert path == link / "crema/AudioWAV/1001_IEO_ANG_HI.wav"
    assert path.is_file()


@pytest.mark.parametrize("linked", ["AudioWAV", "AudioWAV/1001_IEO_ANG_HI.wav"])
def test_sound_that_links_fetch_from_elsewhere_is_written(
    converted: Any, tmp_path: Path, write_wav: Any, linked: str
) -> None:
    wav = write_wav(tmp_path / "crema/AudioWAV/1001_IEO_ANG_HI.wav")
    write_wav(wav.with_name("1002_IEO_ANG_HI.wav"))
    shutil.move(tmp_path / "crema" / linked, tmp_path / "elsewhere")
    (tmp_path / "crema" / linked).symlink_to(tmp_path / "elsewhere")
    result = converted("crema_d", tmp_path / "crema")
    assert result.card["audio_root"] == "audio"
    corpus = Corpus(result.folder / "utterances.jsonl")
    assert all(corpus.audio_path(item).is_file() for item in result.utterances)


def test_a_name_in_a_table_that_leads_out_costs_its_clip(
    faulty: Any, native_corpora: Path, tmp_path: Path
) -> None:
    root = tmp_path / "msp"
    shutil.copytree(native_corpora / "msp_podcast", root)
    table = root / "Labels/labels_consensus.csv"
    first = table.read_text("utf-8").splitlines()[1].partition(",")[0]
    for path in (
        *root.glob("Labels/labels_*.csv"),
        *root.glob("Labels/*.txt"),
        *root.glob("*.txt"),
    ):
        path.write_text(path.read_text("utf-8").replace(first, f"../../{first}"), "utf-8")
    shutil.move(root / "Audios" / first, tmp_path / first)
    faulty("msp_podcast", root, f"{first}: leads out of the corpus folder. Correct its name")


@pytest.mark.parametrize("kind", ["pipe", "loop"])
def test_a_pipe_or_a_loop_of_links_costs_its_clip(
    faulty: Any, clips: list[Path], kind: str
) -> None:
    clips[1].unlink()
    if kind == "pipe":
        os.mkfifo(clips[1])
        message = f"{clips[1]}: is not a file. Fetch it"
    else:
        clips[1].symlink_to(clips[1].name)
        message = f"{clips[1]}: cannot be read (Too many levels of symbolic links)"
    result = faulty("ravdess", clips[0].parents[1], message)
    assert len(result.utterances) == 2


@pytest.mark.skipif(sys.platform == "darwin", reason="its file systems have UTF-8 names only")
def test_a_file_whose_name_is_not_utf_8_costs_itself(
    convert: Any, clips: list[Path], tmp_path: Path
) -> None:
    shutil.copy(clips[0], clips[0].with_name(os.fsdecode(b"03-01-03-01-01-01-01 f\xfcr mich.wav")))
    folder = tmp_path / "crema"
    (folder / "AudioWAV").mkdir(parents=True)
    shutil.copy(clips[0], folder / "AudioWAV/1001_IEO_ANG_HI.wav")
    shutil.copy(clips[0], folder / "AudioWAV" / os.fsdecode(b"Kopie f\xfcr mich.wav"))
    for corpus, root, kept in (("ravdess", clips[0].parents[1], 3), ("crema_d", folder, 1)):
        outcome = convert(corpus, root, tmp_path / "out")
        assert outcome.status == 0, outcome.err
        card = Corpus(tmp_path / f"out/{corpus}/utterances.jsonl").card
        assert (card.utterances, sum(card.dropped.values()) + sum(card.unused.values())) == (
            kept,
            1,
        )
    problems = (tmp_path / "out/crema_d/problems.csv").read_text("utf-8")
    assert "Kopie f\\udcfcr mich.wav,,bad clip name" in problems


def test_no_frames(faulty: Any, clips: list[Path], write_wav: Any) -> None:
    write_wav(clips[1], seconds=0)
    faulty("ravdess", clips[0].parents[1], f"{clips[1]}: contains no samples")


def test_a_failure_leaves_the_last_good_output(
    convert: Any, converted: Any, clips: list[Path], tmp_path: Path
) -> None:
    root = clips[0].parents[1]
    folder = converted("ravdess", root).folder
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    clips[0].write_bytes(b"")
    assert convert("ravdess", root, tmp_path / "out", "--strict").status == 1
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_a_corpus_never_has_the_card_of_another_run(
    converted: Any, clips: list[Path], set_before: Callable[[str], set[str]]
) -> None:
    converted("ravdess", clips[0].parents[1])
    assert "corpus.json" in set_before("utterances.jsonl")


def test_sound_is_written_once(converted: Any, clips: list[Path], write_wav: Any) -> None:
    root = clips[0].parents[1]
    folder = converted("ravdess", root).folder / "audio"
    written = [folder / clip.name for clip in clips]
    (folder / clips[1].name).unlink()  # as if the run had been killed before it
    times = [written[0].stat().st_ctime_ns, written[2].stat().st_ctime_ns]
    write_wav(clips[2], rate=48_000, seconds=0.2)  # and a source mended since
    later = time.time() + 10
    os.utime(clips[2], (later, later))

    result = converted("ravdess", root)
    assert written[0].stat().st_ctime_ns == times[0]
    assert written[1].is_file()
    assert written[2].stat().st_ctime_ns != times[1]
    assert [item.duration for item in result.utterances] == [0.1, 0.1, 0.2]


@pytest.mark.parametrize("name", ["chmod", "fchmod", "utime"])
def test_a_file_system_without_modes_or_times_takes_a_corpus(
    converted: Any, clips: list[Path], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, name, refuse)
    result = converted("ravdess", clips[0].parents[1])
    assert [item.duration for item in result.utterances] == [0.1] * 3
    assert all((result.folder / "audio" / clip.name).is_file() for clip in clips)


def test_sound_of_another_copy_is_not_taken_for_this_ones(
    converted: Any, clips: list[Path], tmp_path: Path, write_wav: Any
) -> None:
    """Unpacked files are as old as the archive says: older than what the first copy gave."""
    assert converted("ravdess", clips[0].parents[1]).utterances[0].duration == 0.1
    for clip in clips:
        other = write_wav(tmp_path / clip.relative_to(clips[0].parents[2]), rate=48_000, seconds=1)
        os.utime(other, (1.5e9, 1.5e9))
    items = converted("ravdess", tmp_path / "ravdess").utterances
    assert {item.duration for item in items} == {1.0}


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
    assert ["train", "1", "0", "0", "1", "0.00", "1"] in rows
    assert ["test", "0", "1", "1", "2", "0.00", "1"] in rows
    assert "3 utterances were read; the whole corpus has 1,440" in outcome.err


def test_a_corpus_is_called_as_its_module() -> None:
    assert [spec.name for spec in CORPORA.values()] == list(CORPORA)


def test_classes_of_the_corpora() -> None:
    counts = {name: len(classes_of(spec.labels)) for name, spec in CORPORA.items()}
    assert counts == {"msp_podcast": 8, "iemocap": 7, "meld": 7, "crema_d": 6, "ravdess": 7}
    assert not [
        n for n in CORPORA if n != "msp_podcast" and "contempt" in classes_of(CORPORA[n].labels)
    ]


def test_corpora_with_official_splits_offer_no_other() -> None:
    schemes = {name: list(spec.split_schemes) for name, spec in CORPORA.items()}
    assert schemes["msp_podcast"] == schemes["meld"] == ["official"]
    for name in ("iemocap", "crema_d", "ravdess"):
        assert schemes[name][-1] == "train"


@pytest.mark.parametrize("name", CORPORA)
def test_every_choice_has_a_reason_in_the_help(convert: Any, name: str) -> None:
    outcome = convert(name, "--help")
    text = " ".join(outcome.out.replace("│", " ").split())
    for option, choice in CORPORA[name].choices.items():
        assert f"--{option.replace('_', '-')}" in text
        for value, reason in choice.values.items():
            assert len(reason) > 10
            assert f"'{value}'" in text


@pytest.mark.parametrize("name", ["iemocap", "crema_d", "ravdess"])
def test_every_scheme_keeps_speakers_apart(converted: Any, native_corpora: Path, name: str) -> None:
    tests: list[str] = []
    for scheme in CORPORA[name].split_schemes:
        items = converted(
            name, native_corpora / name, "--no-audio", "--split-scheme", scheme
        ).utterances
        splits: dict[str, set[str]] = {}
        for item in items:
            splits.setdefault(str(item.speaker), set()).add(item.split)
        assert {len(each) for each in splits.values()} == {1}
        tests += [speaker for speaker, split in splits.items() if split == {"test"}]
    # Cross-validation: the folds test every speaker once, a single list tests some.
    folds = [each for each in CORPORA[name].split_schemes if each[-1].isdecimal()]
    assert len(folds) in {5, 6}
    assert set(tests) == set(splits)


def test_the_converter_yields_the_default_scheme(converted: Any, native_corpora: Path) -> None:
    for name, spec in CORPORA.items():
        scheme = next(iter(spec.split_schemes.values()))
        for item in converted(name, native_corpora / name, "--no-audio").utterances:
            assert item.split == scheme.split_of(item)


# ---- choices that all corpora share -------------------------------------------------------


def test_other_and_secondary_may_be_dropped(converted: Any, native_corpora: Path) -> None:
    whole = converted("msp_podcast", native_corpora / "msp_podcast", "--no-audio")
    others = sum(item.label == "other" for item in whole.utterances)
    assert others and any(vote.secondary for item in whole.utterances for vote in item.votes)
    options = ("--other", "drop", "--secondary", "drop")
    result = converted("msp_podcast", native_corpora / "msp_podcast", "--no-audio", *options)
    assert {"other"} & {item.label for item in result.utterances} == set()
    assert result.card["dropped"] == {"label is none of the eight classes": others}
    assert not any(vote.secondary for item in result.utterances for vote in item.votes)
    assert (result.card["options"]["other"], result.card["options"]["secondary"]) == (
        "drop",
        "drop",
    )


def test_a_list_of_ones_own(
    converted: Any, convert: Any, clips: list[Path], tmp_path: Path, write_text: Any
) -> None:
    listed = write_text(clips[0].parents[2] / "my.csv", "speaker,split\n01,train\n09,dev\n")
    result = converted("ravdess", clips[0].parents[1], "--split-list", listed)
    assert [(item.id[-2:], item.split) for item in result.utterances] == [
        ("01", "train"),
        ("01", "train"),
    ]
    outcome = convert("ravdess", clips[0].parents[1], tmp_path / "again", "--split-list", listed)
    assert "without an utterance, such as 'ravdess/09': 1" in outcome.err
    assert result.card["dropped"] == {"not in the split list": 1}
    assert result.card["options"]["split_scheme"].startswith("my.csv by speaker, ")


def test_a_list_of_ids_and_of_dialogues(
    converted: Any, clips: list[Path], native_corpora: Path, write_text: Any
) -> None:
    name = f"ravdess/{clips[2].stem}"
    listed = write_text(clips[0].parents[2] / "ids.csv", f"id,split\n{name},test_mine\n")
    (item,) = converted("ravdess", clips[0].parents[1], "--split-list", listed).utterances
    assert (item.id, item.split) == (name, "test_mine")
    iemocap = native_corpora / "iemocap"
    dialogue = converted("iemocap", iemocap, "--no-audio").utterances[0].dialogue
    listed = write_text(clips[0].parents[2] / "dialogues.csv", f"dialogue,split\n{dialogue},dev\n")
    items = converted("iemocap", iemocap, "--no-audio", "--split-list", listed).utterances
    assert {(item.dialogue, item.split) for item in items} == {(dialogue, "dev")}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("speeker,split\n01,train\n", "Did you mean 'speaker'?"),
        ("speaker,split\n01,validation\n", ":2: bad split 'validation'"),
        ("speaker,split\n01,train\n01,test\n", ":3: speaker 'ravdess/01' is in train and in test"),
        ("speaker,split\n01\n", ":2: row of 1 cells, expected 2"),
        ("speaker,split\n09,train\n", "Left out: {'not in the split list': 3}"),
        ("speaker;split\n01;train\n", "my.csv:1: has cells separated by ';'. Save it with"),
        (
            "speaker,split\n9,train\n1,train\n2,dev\n",
            "my.csv:3: speaker '1' is '01' in the corpus: a spreadsheet has dropped the zero. "
            "Format the column as text",
        ),
    ],
)
def test_bad_lists(
    refused: Any, clips: list[Path], write_text: Any, text: str, message: str
) -> None:
    listed = write_text(clips[0].parents[2] / "my.csv", text)
    assert message in refused("ravdess", clips[0].parents[1], "--split-list", listed)


def test_clips_too_short_to_hear(
    converted: Any, convert: Any, clips: list[Path], write_wav: Any, tmp_path: Path
) -> None:
    """The test split is the published one, so it keeps its own."""
    write_wav(clips[2], rate=48_000, seconds=0.064)
    write_wav(clips[0], rate=48_000, seconds=0.064)
    result = converted("ravdess", clips[0].parents[1])
    assert [item.audio for item in result.utterances] == [clips[0].name, clips[1].name]
    assert result.card["dropped"] == {"shorter than 0.1 s": 1}
    kept = converted("ravdess", clips[0].parents[1], "--doubtful-sound", "keep")
    assert len(kept.utterances) == 3


def test_faults_are_shown_and_listed(
    convert: Any, clips: list[Path], tmp_path: Path, write_wav: Any
) -> None:
    root = clips[0].parents[1]
    for number in range(12):
        write_wav(root / f"Actor_01/03-01-09-01-01-01-{number:02}.wav")
    outcome = convert("ravdess", root, tmp_path / "out")
    assert outcome.status == 0
    assert outcome.err.count("problem: ") == 10
    problems = tmp_path / "out/ravdess/problems.csv"
    assert f"problems: 12 in all, 2 more, listed in {problems}" in outcome.err
    assert problems.read_text().count("bad emotion code '09'") == 12
    # Once they are mended, no list of old faults stays behind.
    for path in root.glob("Actor_01/03-01-09-*.wav"):
        path.unlink()
    assert convert("ravdess", root, tmp_path / "out").status == 0
    assert not problems.exists()


# ---- the guard, on what was converted -----------------------------------------------------


@pytest.mark.parametrize("name", CORPORA)
def test_the_guard_passes_what_was_converted(
    convert: Any, native_corpora: Path, tmp_path: Path, name: str
) -> None:
    assert convert(name, native_corpora / name, tmp_path / "out").status == 0
    outcome = convert("check", tmp_path / f"out/{name}/utterances.jsonl")
    assert outcome.status == 0, outcome.err
    assert "no problem found" in outcome.err


def test_a_training_speaker_planted_in_the_test_list(
    convert: Any, native_corpora: Path, tmp_path: Path
) -> None:
    root = tmp_path / "msp"
    shutil.copytree(native_corpora / "msp_podcast", root)
    consensus = root / "Labels/labels_consensus.csv"
    rows = consensus.read_text().splitlines()
    planted = next(n for n, row in enumerate(rows) if row.endswith(",Train"))
    name, *_, speaker, _, _ = rows[planted].split(",")
    assert sum(f",{speaker}," in row for row in rows) > 1
    rows[planted] = rows[planted].removesuffix("Train") + "Test1"
    consensus.write_text("\n".join([*rows, ""]))
    partition = root / "Partition.txt"
    partition.write_text(partition.read_text().replace(f"Train; {name}", f"Test1; {name}"))

    assert convert("msp_podcast", root, tmp_path / "out").status == 0
    outcome = convert("check", tmp_path / "out/msp_podcast/utterances.jsonl")
    assert outcome.status == 1
    assert f"speaker 'msp_podcast/{speaker}' is in test and in train" in outcome.err
    assert "1 problem in" in outcome.err


def test_a_session_torn_apart_by_a_list(
    convert: Any, native_corpora: Path, tmp_path: Path, write_text: Any
) -> None:
    """One speaker of a session trains, the other tests: they share every dialogue."""
    rows = [f"Ses01{letter},{split}\n" for letter, split in (("F", "train"), ("M", "test"))]
    listed = write_text(tmp_path / "mine.csv", "speaker,split\n" + "".join(rows))
    iemocap = native_corpora / "iemocap"
    arguments = ("--no-audio", "--split-list", listed)
    assert convert("iemocap", iemocap, tmp_path / "out", *arguments).status == 0
    outcome = convert("check", tmp_path / "out/iemocap/utterances.jsonl")
    assert outcome.status == 1
    assert "session 'iemocap/Ses01' is in test and in train" in outcome.err


def test_one_clip_copied_into_another_split(
    convert: Any, clips: list[Path], tmp_path: Path
) -> None:
    copy = clips[0].parents[1] / "Actor_09/03-01-03-01-01-01-09.wav"
    copy.parent.mkdir()
    copy.write_bytes(clips[0].read_bytes())
    # The fixture's clips all hold the same tone; one of them is enough.
    for clip in clips[1:]:
        clip.unlink()
    assert convert("ravdess", clips[0].parents[1], tmp_path / "out").status == 0
    outcome = convert("check", tmp_path / "out/ravdess/utterances.jsonl")
    assert outcome.status == 1
    text = " ".join(outcome.err.split())
    assert "ravdess/03-01-03-01-01-01-01 (test)" in text
    assert "ravdess/03-01-03-01-01-01-09 (train: " in text
