"""How fast the converters are: a full-size MSP-Podcast, the probing of headers, and `check`.

    python benchmarks/converters.py
    python benchmarks/converters.py --work scratch --keep --strict

Everything is generated, at MSP-Podcast's full size unless told otherwise: the annotation
(native_msp_podcast.py) at a quarter, half and all of the turns; small wav files for the headers;
and a dataset of clips for `check`. Each figure stands beside a baseline of the same run: a bare
pandas.read_csv of the same tables, a bare soundfile.info of the same files. Everything is done
twice or more and the best is told: a first time may wait for the disk, which is not ours.

The table at the end holds each figure against its bound. A bound that is stated for the full size
is not judged at any other. Wall seconds are those of the whole command, its start included;
growth compares CPU seconds, which other programs on the machine disturb less.
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
from figures import Cost, Figure, run, show

import whyser_converters
from whyser.io import audio
from whyser.io.console import say
from whyser_converters.convert.sound import in_threads
from whyser_converters.datasets.dataset_info import entry

#: Of MSP-Podcast 1.12, and the size of a dataset that `check` is promised for.
FULL_TURNS, FULL_ROWS = 207_136, 15_000

MAX_CONVERSION_S, MAX_PEAK_GB, MAX_GROWTH = 20.0, 1.5, 1.2
MIN_HEADERS_PER_S, MAX_CHECK_S = 5_000, 10.0

#: Times that everything is done.
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
    # An installed copy, or another checkout's, would be measured without a sign of it.
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
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )

    def add(name: str, default: float, text: str) -> None:
        kind = type(default)
        parser.add_argument(name, type=kind, default=default, help=f"{text} [%(default)s]")

    add("--turns", FULL_TURNS, "speaking turns of MSP-Podcast")
    add("--files", 20_000, "wav files whose headers are probed")
    add("--rows", FULL_ROWS, "rows, and so clips, of the dataset that is checked")
    add("--clip-seconds", 6.0, "length of its clips; 32 kB a second on disk")
    parser.add_argument("--work", type=Path, help="folder for what is generated [a temporary one]")
    parser.add_argument("--keep", action="store_true", help="leave it in --work, and use it again")
    parser.add_argument("--strict", action="store_true", help="exit with 1 if a bound is missed")
    return parser


# ---- the conversion -----------------------------------------------------------------------


def conversion(work: Path, turns: int) -> Iterator[Figure]:
    """Converts MSP-Podcast at three sizes, smallest first."""
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
    yield Figure("  bare pandas.read_csv of its tables", f"{read_csv:.2f} s")
    yield Figure("  their share of the conversion", f"{100 * read_csv / cost.wall:.0f} %")
    yield from _growth(costs)


def _growth(costs: Sequence[tuple[int, Cost]]) -> Iterator[Figure]:
    for size, cost in costs:
        yield Figure(f"  CPU for 100,000 turns, of {size:,}", f"{1e5 * cost.cpu / size:.2f} s")
    (quarter, small), *_, (whole, large) = costs
    growth = (large.cpu / whole) / (small.cpu / quarter)
    yield Figure(
        "  the same, all turns over a quarter",
        f"{growth:.2f}",
        f"at most {MAX_GROWTH} at {FULL_TURNS:,} turns",
        growth <= MAX_GROWTH if whole == FULL_TURNS else None,
    )


def _corpus(work: Path, turns: int) -> Path:
    def write(folder: Path) -> None:
        # In a process of its own, as Linux counts the memory of whoever starts a command as the
        # command's: this one must stay small.
        script = Path(__file__).with_name("native_msp_podcast.py")
        run(str(script), str(folder), "--turns", str(turns))

    return _once(work / f"msp_podcast_{turns}", write)


def _convert(corpus: Path, output: Path) -> Cost:
    """What the command takes; exits when turns or votes were lost, for then it did other work."""
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
    """Probes the same small files in three ways, as the conversion (threads) and `check` (one
    thread) do and without our own checks; the best of the rounds."""
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
            f"{rates[name]:,.0f} a second",
            f"at least {MIN_HEADERS_PER_S:,} a second",
            rates[name] >= MIN_HEADERS_PER_S,
        )
    yield Figure("  bare soundfile.info of the same", f"{rates['bare']:,.0f} a second")
    for name, what in (("pool", "in threads"), ("one", "in one thread")):
        yield Figure(f"  {what} over bare", f"{rates[name] / rates['bare']:.2f}")


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


# ---- check --------------------------------------------------------------------------------


def checking(work: Path, rows: int, seconds: float) -> Iterator[Figure]:
    """Checks a training dataset in which every row has a clip of its own."""

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
        f"check of {rows:,} clips of {seconds:g} s",
        f"{cost.wall:.1f} s",
        f"at most {MAX_CHECK_S:.0f} s at {FULL_ROWS:,} rows",
        cost.wall <= MAX_CHECK_S if rows == FULL_ROWS else None,
    )
    yield Figure("  rows per second", f"{rows / cost.wall:,.0f}")
    yield Figure("  bare soundfile.info of its clips", f"{bare:.2f} s")
    yield Figure("  their share of the check", f"{100 * bare / cost.wall:.0f} %")


def _check(settings: Path, rows: int) -> Cost:
    """What the command takes; exits when it did not count the rows, or found fault with them."""
    said, cost = run("-c", CONVERT, "check", str(settings))
    if f"{rows:,}" not in said:
        sys.exit(f"check did not count {rows:,} rows:\n{said}")
    return cost


def write_dataset(folder: Path) -> None:
    """Rows, manifest, table and YAML as `whyser-convert sharegpt` and a user write them."""
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
    # A JSON string is a YAML one, whatever the path holds.
    settings = f"dataset: benchmark\ndataset_dir: {json.dumps(str(folder))}\ncutoff_len: 2048\n"
    (folder / "train.yaml").write_text(settings, encoding="utf-8")


# ---- tools --------------------------------------------------------------------------------


def write_clips(folder: Path, count: int, seconds: float) -> None:
    """Distinct 16 kHz mono PCM16 wav files: windows of one noise, each a sample further."""
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
    """The folder, filled by `write` unless an earlier run has done so to the end."""
    done = folder.with_name(f"{folder.name}.done")
    if not done.exists():
        say(f"writing {folder.name}")
        shutil.rmtree(folder, ignore_errors=True)
        write(folder)
        done.touch()
    return folder


@contextmanager
def _workplace(work: Path | None, keep: bool) -> Iterator[Path]:
    """A folder that goes again in the end, with all that was put there."""
    if work is None:
        if keep:
            sys.exit("--keep: name the folder to keep it in with --work")
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
    # A file takes a block of 4 KiB at least; a turn has one and a line in each table and output.
    needed = clips + 4096 * (1.75 * 2 * arguments.turns + arguments.files)
    free = shutil.disk_usage(work).free
    say(f"up to {needed / 1e9:.1f} GB below {work}, where {free / 1e9:.0f} GB are free")
    if needed > free:
        sys.exit("Give a larger disk with --work, or a smaller --clip-seconds.")


if __name__ == "__main__":
    main()
