"""Measures how fast `whyser-convert sharegpt` writes a LLaMA-Factory dataset for each target.

    python benchmarks/sharegpt.py
    python benchmarks/sharegpt.py --utterances 20000 --strict

The corpus is made up: sentences of ten to twenty words, five votes per utterance, a rationale for
every annotator's label, cues, and an audio file for each utterance, because the command checks that
it exists. The figure is that of the whole command, including its start. The baseline does only what
every writer must do: it parses the same lines as JSON and writes as many rows as JSON, without
checks.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from figures import Cost, Figure, options_of, run, show

import whyser
from whyser.evidence.cues import FAMILIES, Cue, Cues
from whyser.io.console import say
from whyser.io.files import write_jsonl
from whyser.labels.classes import CLASSES
from whyser.prompting.answer import TARGETS
from whyser.records.corpus import CorpusCard, write_card
from whyser.records.utterance import Utterance, Vote, write_utterances
from whyser.teacher.rationale import Rationale, write_rationales

UTTERANCES, MAX_SECONDS = 100_000, 20.0
WORDS = [
    "we",
    "never",
    "said",
    "it",
    "would",
    "be",
    "easy",
    "to",
    "find",
    "out",
    "who",
    "had",
    "gone",
]
SHAREGPT = "from whyser_converters.cli import main; main()"


def main() -> None:
    arguments = _arguments()
    say(f"measures {Path(whyser.__file__).parent}")
    with tempfile.TemporaryDirectory(prefix="whyser_") as folder:
        corpus = Path(folder)
        write_corpus(corpus, arguments.utterances)
        say(f"wrote {arguments.utterances:,} utterances")
        figures = list(measuring(corpus, arguments.utterances))
    show(f"sharegpt, {arguments.utterances:,} utterances", figures, strict=arguments.strict)


def _arguments() -> argparse.Namespace:
    parser = options_of(__doc__)
    parser.add_argument(
        "--utterances", type=int, default=UTTERANCES, help="number of utterances [%(default)s]"
    )
    return parser.parse_args()


def measuring(corpus: Path, count: int) -> Iterator[Figure]:
    """Seconds for each target, for two epochs of sampled labels, and for bare JSON."""
    judged = count == UTTERANCES
    first = None
    for target in TARGETS:
        cost = _sharegpt(corpus, count, "--target", target)
        first = first or cost
        yield _figure(f"target {target}", cost, judged)
    variants = ("--labels", "sampled", "--epochs", "2", "--paraphrase")
    yield _figure("two epochs of sampled labels", _sharegpt(corpus, 2 * count, *variants), judged)
    bare = _bare(corpus)
    yield Figure("  bare JSON, target reason", f"{bare:.1f} s")
    if first:
        yield Figure("  the command divided by bare JSON", f"{first.wall / bare:.2f}")


def _figure(measure: str, cost: Cost, judged: bool) -> Figure:
    met = cost.wall <= MAX_SECONDS if judged else None
    figure = f"{cost.wall:.1f} s, {cost.peak_gb:.2f} GB"
    return Figure(measure, figure, f"within {MAX_SECONDS:.0f} s", met)


def _sharegpt(corpus: Path, rows: int, *options: str) -> Cost:
    """Runs the command. Exits if it did not write all rows, since it then did other work."""
    output = corpus / "out" / "rows"
    said, cost = run(
        *("-c", SHAREGPT, "sharegpt", str(corpus / "utterances.jsonl"), "--split", "train"),
        *("--rationales", str(corpus / "rationales.jsonl")),
        *("--cues", str(corpus / "cues.jsonl"), "--output", str(output), *options),
    )
    written = (corpus / "out" / "rows.manifest.jsonl").read_bytes().count(b"\n")
    if written != rows:
        raise SystemExit(f"sharegpt wrote {written:,} rows, expected {rows:,}:\n{said}")
    return cost


def _bare(corpus: Path) -> float:
    start = time.perf_counter()
    for name in ("utterances", "rationales", "cues"):
        with (corpus / f"{name}.jsonl").open(encoding="utf-8") as stream:
            for line in stream:
                json.loads(line)
    rows = json.loads((corpus / "out" / "rows.json").read_text(encoding="utf-8"))
    with (corpus / "bare.json").open("w", encoding="utf-8") as stream:
        for row in rows:
            stream.write(json.dumps(row, ensure_ascii=False))
    return time.perf_counter() - start


def write_corpus(folder: Path, count: int) -> None:
    rng = np.random.default_rng(0)
    (folder / "sound").mkdir()
    utterances = [_utterance(number, rng) for number in range(count)]
    for utterance in utterances:
        (folder / str(utterance.audio)).touch()
    write_utterances(folder / "utterances.jsonl", utterances)
    write_card(folder / "corpus.json", _card(count))
    write_rationales(folder / "rationales.jsonl", _rationales(utterances))
    high = Cue(value=180.0, deviation=2.0, strength=1.5, level="high")
    cues = dict.fromkeys(FAMILIES, high)
    write_jsonl(
        folder / "cues.jsonl",
        (Cues(id=one.id, reference="speaker", **cues).model_dump_json() for one in utterances),  # type: ignore[arg-type]
    )


def _utterance(number: int, rng: np.random.Generator) -> Utterance:
    said = " ".join(rng.choice(WORDS, rng.integers(10, 20)))
    label, other = (CLASSES[place] for place in rng.choice(8, 2, replace=False))
    votes = (label, label, label, other, "other")
    return Utterance(
        id=f"benchmark/{number:06d}", corpus="benchmark", split="train",
        audio=f"sound/{number:06d}.wav", duration=4.0, sampling_rate=16_000, channels=1,
        transcript=said, speaker=f"benchmark/{number % 1000}", gender="female",
        label=label, label_raw=label,
        votes=tuple(
            Vote(rater=f"W{place}", primary=vote, raw=vote, arousal=1 + place, valence=3)
            for place, vote in enumerate(votes)
        ),
    )  # fmt: skip


def _rationales(utterances: list[Utterance]) -> Iterator[Rationale]:
    for one in utterances:
        text = (
            f'The words "{one.transcript[:30]}" could be said in many moods. The voice is louder '
            "and higher than usual for this speaker, and the words come fast. " * 2
        ).strip()
        for label in sorted(one.annotator_labels()):
            yield Rationale(id=one.id, label=label, text=text, teacher="t", prompt="p", kept=True)


def _card(count: int) -> CorpusCard:
    return CorpusCard(
        corpus="benchmark", title="generated", licence="none", source="none", audio_root=".",
        classes=CLASSES, attributes={"arousal": (1, 7), "valence": (1, 7)},
        utterances=count, hours=None, read=count, whyser="0",
    )  # fmt: skip


if __name__ == "__main__":
    main()
