"""The files of a scored run: scores.json, samples.jsonl, audit.json and provenance.json."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from itertools import chain
from pathlib import Path
from typing import Any

from whyser.io.files import atomic_set, write_json, write_jsonl
from whyser.records.provenance import provenance
from whyser_eval.scoring.samples import sample_lines
from whyser_eval.scoring.score import ScoredRun


def write_run(run: ScoredRun, audit: Mapping[str, Any], folder: Path) -> None:
    """Writes samples.jsonl, audit.json, scores.json and provenance.json, all or none.

    Where provenance.json is, all four are of one run.
    """
    record = provenance(run.inputs) | _facts(run)
    samples = (
        sample_lines(run.key, run.references, one.system, one.explained, one.attributes)
        for one in run.scored
    )
    last = folder / "provenance.json"
    with atomic_set(last) as files:
        write_jsonl(files(folder / "samples.jsonl"), chain.from_iterable(samples))
        write_json(files(folder / "audit.json"), audit)
        write_json(files(folder / "scores.json"), scores_json(run))
        write_json(files(last), record)


def scores_json(run: ScoredRun) -> list[dict[str, Any]]:
    return [asdict(row) for row in run.rows]


def _facts(run: ScoredRun) -> dict[str, Any]:
    return {
        "settings": {**vars(run.settings), "reader": run.settings.reader.version},
        "classes": list(run.references.classes),
        "parts": sorted(map("/".join, run.references.parts)),
        "n": {name: int(one.mask.sum()) for name, one in run.references.subsets.items()},
        "ignored": dict(run.ignored),
        "conflict": run.conflict.facts if run.conflict else None,
        "systems": [
            {
                **asdict(system.name),
                "stages": dict(Counter(reading.stage for reading in system.readings)),
                "unread": system.unread,
                "other": sum(
                    reading.label is not None and reading.label not in run.references.classes
                    for reading in system.readings
                ),
                "two_emotions": sum(reading.two_emotions for reading in system.readings),
                "probabilities": dict(system.sources),
            }
            for system in run.systems
        ],
        "warnings": list(run.warnings),
        "notes": list(run.notes),
    }
