"""Measures how much padding and epoch time length-bucketed batches save.

    python benchmarks/bucketing.py
    python benchmarks/bucketing.py --utterances msp_podcast/utterances.jsonl --strict

Lengths are drawn like those of MSP-Podcast (2.75 to 11 s, mean 5.7 s), or read from the training
split of a converted corpus. The same clips, in memory, then train the demo's WavLM for an epoch,
alternately in batches of any length and in bucketed batches. Each way reports its better time, in
processor seconds of one core, so that other programs matter less. The bounds apply only to drawn
lengths and the default options.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from figures import Figure, options_of, show

import whyser
from whyser.baselines.ssl.batches import Buckets
from whyser.baselines.ssl.losses import Criterion
from whyser.baselines.ssl.network import Network
from whyser.baselines.ssl.pretrained import load
from whyser.baselines.ssl.sounds import Collator
from whyser.demo.encoder import write_encoder
from whyser.io.audio import SAMPLING_RATE
from whyser.io.console import say
from whyser.records.utterance import read_utterances

CLIPS, LENGTHS, BATCH, ROUNDS = 256, 84_000, 32, 2
SHORTEST_S, LONGEST_S = 2.75, 11.0
CLASSES = 8
MAX_PADDING, MIN_RATIO = 0.02, 1.3


def main() -> None:
    arguments = _arguments()
    say(f"measures {Path(whyser.__file__).parent}")
    torch.set_num_threads(1)
    lengths = lengths_of(arguments.utterances) if arguments.utterances else drawn(LENGTHS)
    judged = not arguments.utterances and arguments.clips == CLIPS
    figures = [*padding(lengths, judged), *epochs(lengths, arguments.clips, judged)]
    show(f"Bucketing, batches of {BATCH}", figures, strict=arguments.strict)


def _arguments() -> argparse.Namespace:
    parser = options_of(__doc__)
    parser.add_argument("--clips", type=int, default=CLIPS, help="number of clips [%(default)s]")
    parser.add_argument(
        "--utterances", type=Path, help="read lengths from this converted corpus [draw them]"
    )
    return parser.parse_args()


def lengths_of(path: Path) -> list[int]:
    """The length of each training clip of a corpus, in samples."""
    durations = [one.duration for one in read_utterances(path) if one.split == "train"]
    return [round(duration * SAMPLING_RATE) for duration in durations if duration]


def drawn(count: int) -> list[int]:
    """Lengths in samples: log-normal with median 5.3 s, truncated at the limits of the corpus."""
    seconds = np.random.default_rng(0).lognormal(np.log(5.3), 0.45, 3 * count)
    kept = seconds[(seconds >= SHORTEST_S) & (seconds <= LONGEST_S)][:count]
    return [round(one * SAMPLING_RATE) for one in kept]


def ways(lengths: Sequence[int]) -> dict[str, Buckets]:
    return {
        "any length": Buckets(lengths, BATCH, seed=0, pool=0),
        "bucketed": Buckets(lengths, BATCH, seed=0),
    }


def padding(lengths: Sequence[int], judged: bool) -> Iterator[Figure]:
    yield Figure(
        f"{len(lengths):,} clips, mean length {np.mean(lengths) / SAMPLING_RATE:.2f} s", ""
    )
    for name, buckets in ways(lengths).items():
        share = wasted(lengths, buckets)
        if name == "bucketed":
            bound, met = f"at most {MAX_PADDING:.0%}", share <= MAX_PADDING if judged else None
            yield Figure(f"padding, {name}", f"{share:.1%}", bound, met)
        else:
            yield Figure(f"padding, {name}", f"{share:.1%}")


def wasted(lengths: Sequence[int], buckets: Buckets) -> float:
    """The share of the computed samples that is padding."""
    batches = [[lengths[number] for _, number in batch] for batch in buckets]
    return 1 - sum(map(sum, batches)) / sum(len(batch) * max(batch) for batch in batches)


def epochs(lengths: Sequence[int], count: int, judged: bool) -> Iterator[Figure]:
    """Processor seconds of an epoch on the same clips, with both kinds of batches."""
    random = np.random.default_rng(0)
    chosen = [int(length) for length in random.choice(lengths, count)]
    rows = [
        {
            "sound": random.standard_normal(length).astype(np.float32),
            "lengths": length,
            "targets": np.eye(CLASSES, dtype=np.float32)[number % CLASSES],
        }
        for number, length in enumerate(chosen)
    ]
    both = ways(chosen)
    seconds = {name: float("inf") for name in both}
    with tempfile.TemporaryDirectory(prefix="whyser_") as folder:
        write_encoder(Path(folder) / "encoder")
        encoder = load(str(Path(folder) / "encoder")).encoder
    network = Network(encoder, CLASSES, pooling="attentive", hidden=96, dropout=0.2).train()
    # The first batch includes the set-up of torch, so it is not timed.
    epoch(network, rows[:BATCH], Buckets(chosen[:BATCH], BATCH, seed=0))
    for _ in range(ROUNDS):
        for name, buckets in both.items():
            seconds[name] = min(seconds[name], epoch(network, rows, buckets))
    for name, taken in seconds.items():
        yield Figure(f"an epoch of {count:,} clips, {name}", f"{taken:.2f} s")
    ratio = seconds["any length"] / seconds["bucketed"]
    met = ratio >= MIN_RATIO if judged else None
    yield Figure("times as fast bucketed", f"{ratio:.2f}", f"at least {MIN_RATIO}", met)


def epoch(network: Network, rows: Sequence[dict[str, object]], buckets: Buckets) -> float:
    criterion = Criterion("focal", torch.ones(CLASSES))
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-5)
    collate = Collator()
    start = time.process_time()
    for batch in buckets:
        given = collate([rows[number] for _, number in batch])
        loss = criterion(network(given["sound"], given["lengths"]), given["targets"])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return time.process_time() - start


if __name__ == "__main__":
    main()
