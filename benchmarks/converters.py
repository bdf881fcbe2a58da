"""Measures the speed of the converters: a full-size MSP-Podcast, probing headers, and `check`.

    python benchmarks/converters.py
    python benchmarks/converters.py --work scratch --keep --strict

All input is generated, by default at MSP-Podcast's full size: the annotation
(native_msp_podcast.py) for a quarter, half and all of the turns; small wav files for the headers;
and a dataset of clips for `check`. The baselines run on the same files: pandas.read_csv of the
tables and soundfile.info of the audio. Everything runs at least twice, and the best time counts,
because the first run may wait for the disk.

The table at the end compares each figure with its bound. A bound for the full size is not judged
at any other size. Wall seconds are those of the whole command, including its start; growth compares
CPU seconds, which other programs on the machine affect less.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import shutil
import sys
import tempfile
import time
import wave
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import soundfile
from figures import Cost, Figure, options_of, run, show

import whyser_converters
from whyser.io import audio
from whyser.io.console import say
from whyser_converters.convert.sound import in_threads
from whyser_converters.datasets.dataset_info import entry

#: The turns of MSP-Podcast 1.12, and the number of rows that the bound of `check` applies to.
FULL_TURNS, FULL_ROWS = 207_136, 15_000

MAX_CONVERSION_S, MAX_PEAK_GB, MAX_GROWTH = 20.0, 1.5, 1.2
#: The wall time of the conversion, divided by that of pandas.read_csv of its tables.
MAX_OVER_READ_CSV = 4.0
MIN_HEADERS_PER_S, MAX_CHECK_S = 20_000, 10.0

#: How often everything is run.
ROUNDS = 2

CONVERT = "from whyser_converters.cli import main; main()"
READ_CSV = """
import sys, time, pandas
start = time.perf_counter()
for path in sys.argv[1:]:
    pandas.read_csv(path)
print(time.perf_counter() - start)
"""


def _wall(cost: Cost) -> float:
    return cost.wall


def main() -> None:
    arguments = _parser().parse_args()
    # Show which code is measured, because it may be an installed copy or another checkout.
    say(f"measures {Path(whyser_converters.__file__).parent} and {Path(audio.__file__).parent}")
    with _workplace(arguments.work, arguments.keep) as work:
        _refuse_full_disk(work, arguments)
        figures = [
            *conversion(work, arguments.turns),
            *headers(work, arguments.files),
            *checking(work, arguments.rows, arguments.clip_seconds),
        ]
    show(f"Converters, on {os.cpu_count()} cores", figures, strict=arguments.strict)


def _parser() -> argparse.ArgumentParser:
    parser = options_of(__doc__)

    def add(name: str, default: float, text: str) -> None:
        kind = type(default)
        parser.add_argument(name, type=kind, default=default, help=f"{text} [%(default)s]")

    add("--turns", FULL_TURNS, "number of speaking turns of MSP-Podcast")
    add("--files", 20_000, "number of wav files whose headers are probed")
    add("--rows", FULL_ROWS, "number of rows of the checked dataset, with one clip each")
    add("--clip-seconds", 6.0, "length of these clips; a second takes 32 kB of disk")
    parser.add_argument("--work", type=Path, help="folder for generated files [a temporary one]")
    parser.add_argument("--keep", action="store_true", help="keep them in --work, and reuse them")
    return parser


# ---- the conversion -----------------------------------------------------------------------


def conversion(work: Path, turns: int) -> Iterator[Figure]:
    """Converts MSP-Podcast at three sizes, the smallest first."""
    costs: list[tuple[int, Cost]] = []
    for size in (turns // 4, turns // 2, turns):
        corpus = _corpus(work, size)
        cost = min((_convert(corpus, work / "converted") for _ in range(ROUNDS)), key=_wall)
        costs.append((size, cost))
        say(f"converted {size:,} turns: {cost.wall:.1f} s, {cost.peak_gb:.2f} GB")
    votes = json.loads((corpus / "generated.json").read_text(encoding="utf-8"))["votes"]
    tables = [corpus / f"Labels/labels_{name}.csv" for name in ("consensus", "detailed")]
    read_csv = min(float(run("-c", READ_CSV, *map(str, tables))[0]) for _ in range(ROUNDS))

    full = turns == FULL_TURNS
    yield Figure(
        f"MSP-Podcast, {turns:,} turns",
        f"{cost.wall:.1f} s",
        f"at most {MAX_CONVERSION_S:.0f} s at {FULL_TURNS:,} turns",
        cost.wall <= MAX_CONVERSION_S if full else None,
    )
    yield Figure("  votes", f"{votes:,}")
    yield Figure("  turns per second", f"{turns / cost.wall:,.0f}")
    yield Figure(
        "  peak memory",
        f"{cost.peak_gb:.2f} GB",
        f"at most {MAX_PEAK_GB} GB at {FULL_TURNS:,} turns",
        cost.peak_gb <= MAX_PEAK_GB if full else None,
    )
    yield Figure("  only pandas.read_csv of its tables", f"{read_csv:.2f} s")
    yield Figure(
        "  conversion, divided by that",
        f"{cost.wall / read_csv:.1f}",
        f"at most {MAX_OVER_READ_CSV:.0f} at {FULL_TURNS:,} turns",
        cost.wall / read_csv <= MAX_OVER_READ_CSV if full else None,
    )
    yield from _growth(costs)


def _growth(costs: Sequence[tuple[int, Cost]]) -> Iterator[Figure]:
    for size, cost in costs:
        yield Figure(f"  CPU per 100,000 turns, at {size:,}", f"{1e5 * cost.cpu / size:.2f} s")
    (quarter, small), *_, (whole, large) = costs
    growth = (large.cpu / whole) / (small.cpu / quarter)
    yield Figure(
        "  CPU per turn, all turns divided by a quarter",
        f"{growth:.2f}",
        f"at most {MAX_GROWTH} at {FULL_TURNS:,} turns",
        growth <= MAX_GROWTH if whole == FULL_TURNS else None,
    )


def _corpus(work: Path, turns: int) -> Path:
    def write(folder: Path) -> None:
        # Linux counts the memory of the process that starts a command as the command's, so this
        # process must stay small and another one generates the corpus.
        script = Path(__file__).with_name("native_msp_podcast.py")
        run(str(script), str(folder), "--turns", str(turns))

    return _once(work / f"msp_podcast_{turns}", write)


def _convert(corpus: Path, output: Path) -> Cost:
    """Returns the cost of the command. Exits if it lost turns or votes, since it then did less."""
    _, cost = run("-c", CONVERT, "msp_podcast", str(corpus), str(output), "--no-audio")
    expected = json.loads((corpus / "generated.json").read_text(encoding="utf-8"))
    with (output / "msp_podcast" / "utterances.jsonl").open("rb") as stream:
        counts = [line.count(b'"rater":') for line in stream]
    if (len(counts), sum(counts)) != (expected["turns"], expected["votes"]):
        sys.exit(f"converted {len(counts)} turns and {sum(counts)} votes, expected {expected}")
    shutil.rmtree(output)
    return cost


# ---- headers ------------------------------------------------------------------------------


def headers(work: Path, count: int) -> Iterator[Figure]:
    """Probes the same small files as the conversion does (in threads), as `check` does (in one
    thread), and without our own checks. Reports the best round of each way."""
    folder = _once(work / f"headers_{count}", lambda folder: write_clips(folder, count, 0.1))
    paths = sorted(folder.glob("*.wav"))
    ways: dict[str, Callable[[], object]] = {
        "bare": lambda: [soundfile.info(str(path)) for path in paths],
        "one": lambda: [audio.probe(path) for path in paths],
        "pool": lambda: list(in_threads(audio.probe, iter(paths))),
    }
    rounds = [{name: _seconds(way) for name, way in ways.items()} for _ in range(ROUNDS)]
    rates = {name: count / min(each[name] for each in rounds) for name in ways}
    say(f"probed {count:,} headers")
    for name, what in (("pool", "in threads"), ("one", "in one thread")):
        yield Figure(
            f"headers of {count:,} files, {what}",
            f"{rates[name]:,.0f} per second",
            f"at least {MIN_HEADERS_PER_S:,} per second",
            rates[name] >= MIN_HEADERS_PER_S,
        )
    yield Figure("  only soundfile.info of the same", f"{rates['bare']:,.0f} per second")
    for name, what in (("pool", "in threads"), ("one", "in one thread")):
        yield Figure(f"  {what}, divided by that", f"{rates[name] / rates['bare']:.2f}")


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


# ---- check --------------------------------------------------------------------------------


def checking(work: Path, rows: int, seconds: float) -> Iterator[Figure]:
    """Checks a training dataset in which every row has its own clip."""

    def write(folder: Path) -> None:
        write_clips(folder / "clips", rows, seconds)
        write_dataset(folder)

    folder = _once(work / f"dataset_{rows}_{seconds:g}", write)
    paths = sorted((folder / "clips").iterdir())
    bare = min(
        _seconds(lambda: [soundfile.info(str(path)) for path in paths]) for _ in range(ROUNDS)
    )
    cost = min((_check(folder / "train.yaml", rows) for _ in range(ROUNDS)), key=_wall)
    say(f"checked {rows:,} rows")
    yield Figure(
        f"check {rows:,} clips of {seconds:g} s",
        f"{cost.wall:.1f} s",
        f"at most {MAX_CHECK_S:.0f} s at {FULL_ROWS:,} rows",
        cost.wall <= MAX_CHECK_S if rows == FULL_ROWS else None,
    )
    yield Figure("  rows per second", f"{rows / cost.wall:,.0f}")
    yield Figure("  only soundfile.info of its clips", f"{bare:.2f} s")
    yield Figure("  share of that in the check", f"{100 * bare / cost.wall:.0f} %")


def _check(settings: Path, rows: int) -> Cost:
    """Returns the cost of the command. Exits if it did not count the rows or reported faults."""
    said, cost = run("-c", CONVERT, "check", str(settings))
    if f"{rows:,}" not in said:
        sys.exit(f"check did not count {rows:,} rows:\n{said}")
    return cost


def write_dataset(folder: Path) -> None:
    """Writes rows, manifest and table like `whyser-convert sharegpt`, and a YAML like a user's."""
    rows, manifest = [], []
    for path in sorted((folder / "clips").iterdir()):
        answer = "<answer>I think the emotion is sad</answer>"
        messages = [
            {"role": "user", "content": "<audio>What is the emotion of the speaker?"},
            {"role": "assistant", "content": answer},
        ]
        rows.append({"messages": messages, "audios": [str(path)]})
        about = {"id": f"benchmark/{path.stem}", "corpus": "benchmark", "split": "train"}
        manifest.append({**about, "label": "sad", "answer": answer, "audio": str(path)})
    (folder / "rows.json").write_text(json.dumps(rows), encoding="utf-8")
    lines = "".join(f"{json.dumps(row)}\n" for row in manifest)
    (folder / "rows.manifest.jsonl").write_text(lines, encoding="utf-8")
    table = json.dumps({"benchmark": entry("rows.json")})
    (folder / "dataset_info.json").write_text(table, encoding="utf-8")
    # A JSON string is also a YAML string, whatever characters the path contains.
    settings = f"dataset: benchmark\ndataset_dir: {json.dumps(str(folder))}\ncutoff_len: 2048\n"
    (folder / "train.yaml").write_text(settings, encoding="utf-8")


# ---- tools --------------------------------------------------------------------------------


def write_clips(folder: Path, count: int, seconds: float) -> None:
    """Writes distinct 16 kHz mono PCM16 wav files: windows of one noise, a sample apart."""
    folder.mkdir(parents=True, exist_ok=True)
    frames = round(seconds * audio.SAMPLING_RATE)
    noise = np.random.default_rng(0).integers(-3000, 3000, frames + count, dtype=np.int16)
    samples = memoryview(noise.tobytes())
    stream = io.BytesIO()
    with wave.open(stream, "wb") as sound:
        sound.setparams((1, 2, audio.SAMPLING_RATE, frames, "NONE", ""))
        sound.writeframes(samples[: 2 * frames])
    header = stream.getvalue()[: -2 * frames]
    for number in range(count):
        with (folder / f"{number:06d}.wav").open("wb", buffering=0) as file:
            file.write(header + samples[2 * number : 2 * (number + frames)])


def _once(folder: Path, write: Callable[[Path], None]) -> Path:
    """Fills the folder by `write`, unless an earlier run has completed it, and returns it."""
    done = folder.with_name(f"{folder.name}.done")
    if not done.exists():
        say(f"writing {folder.name}")
        shutil.rmtree(folder, ignore_errors=True)
        write(folder)
        done.touch()
    return folder


@contextmanager
def _workplace(work: Path | None, keep: bool) -> Iterator[Path]:
    """Gives a folder, which is deleted at the end with all its files unless `keep` is set."""
    if work is None:
        if keep:
            sys.exit("error: --keep needs --work DIR, the folder to keep the files in")
        with tempfile.TemporaryDirectory(prefix="whyser_") as temporary:
            yield Path(temporary)
        return
    folder = work.resolve() / "whyser_benchmark"
    folder.mkdir(parents=True, exist_ok=True)
    try:
        yield folder
    finally:
        if not keep:
            shutil.rmtree(folder)


def _refuse_full_disk(work: Path, arguments: argparse.Namespace) -> None:
    clips = 2 * audio.SAMPLING_RATE * arguments.clip_seconds * arguments.rows
    # A file takes at least 4 KiB; a turn has one file, and a line in each table and output.
    needed = clips + 4096 * (1.75 * 2 * arguments.turns + arguments.files)
    free = shutil.disk_usage(work).free
    say(f"writes up to {needed / 1e9:.1f} GB to {work}, which has {free / 1e9:.0f} GB free")
    if needed > free:
        sys.exit(
            "error: the disk is too full. Name a larger one by --work or reduce --clip-seconds."
        )


if __name__ == "__main__":
    main()
