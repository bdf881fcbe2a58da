"""An audit of the reader: what each stage read, what was left unread, and rules against a model.

A score depends on its reader: a class whose answers are unread more often than others' loses by the
reader, not by the system. Where rules and model disagree is where to look.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from whyser.io.console import print_table
from whyser.labels.classes import OTHER
from whyser_eval.reading.readers import RuleReader
from whyser_eval.reading.rules import STAGES, Reading
from whyser_eval.scoring.score import ScoredRun
from whyser_eval.scoring.systems import System
from whyser_eval.statistics.agreement import cohen_kappa

UNREAD = "unread"

#: Words listed for a system, examples of a disagreement, and characters of an example.
WORDS, EXAMPLES, EXCERPT = 20, 3, 200


def audit_systems(
    classes: Sequence[str], labels: Sequence[str], systems: Sequence[System]
) -> list[dict[str, Any]]:
    """Per system: readings by stage, and per gold class how many were unread or named two emotions.

    Args: `labels` are the gold classes, in the order of every system's readings.
    """
    return [
        {
            **asdict(system.name),
            "stages": _by_stage(system.readings),
            "classes": {label: _of_class(label, labels, system.readings) for label in classes},
            "other": sum(reading.label == OTHER for reading in system.readings),
            "words": _words(system.readings),
        }
        for system in systems
    ]


def _by_stage(readings: Sequence[Reading]) -> dict[str, int]:
    counts = Counter(reading.stage for reading in readings)
    return {stage: counts[stage] for stage in STAGES if counts[stage]}


def _of_class(label: str, labels: Sequence[str], readings: Sequence[Reading]) -> dict[str, int]:
    own = [reading for gold, reading in zip(labels, readings, strict=True) if gold == label]
    return {
        "n": len(own),
        UNREAD: sum(reading.label is None for reading in own),
        "two_emotions": sum(reading.two_emotions for reading in own),
    }


def _words(readings: Sequence[Reading]) -> list[list[Any]]:
    counts = Counter(
        (reading.word, reading.label) for reading in readings if reading.word is not None
    )
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0][0] or ""))
    return [[word, label, n] for (word, label), n in ranked[:WORDS]]


# Rules against a model


@dataclass(frozen=True)
class ReadTwice:
    """An answer as the rules read it and as the model does."""

    model: str
    id: str
    text: str
    rules: Reading
    llm: Reading

    @property
    def labels(self) -> tuple[str, str]:
        return self.rules.label or UNREAD, self.llm.label or UNREAD


def rules_against_llm(answers: Sequence[ReadTwice]) -> dict[str, Any]:
    """Agreement, Cohen's kappa (None where it is undefined), and where they differ.

    Unread counts as a label; `read_by_rules_alone` and `read_by_llm_alone` count where
    only one of the two found an emotion.
    """
    pairs = Counter(answer.labels for answer in answers)
    n = pairs.total()
    return {
        "n": n,
        "agreement": sum(count for (one, two), count in pairs.items() if one == two) / n,
        "kappa": cohen_kappa(pairs),
        "read_by_rules_alone": sum(count for (_, two), count in pairs.items() if two == UNREAD)
        - pairs[UNREAD, UNREAD],
        "read_by_llm_alone": sum(count for (one, _), count in pairs.items() if one == UNREAD)
        - pairs[UNREAD, UNREAD],
        "disagreements": list(_disagreements(answers, pairs)),
    }


def _disagreements(
    answers: Sequence[ReadTwice], pairs: Counter[tuple[str, str]]
) -> Iterator[dict[str, Any]]:
    for (rules, llm), count in sorted(pairs.items(), key=lambda item: (-item[1], item[0])):
        if rules == llm:
            continue
        alike = (answer for answer in answers if answer.labels == (rules, llm))
        examples = [
            {
                "id": answer.id,
                "model": answer.model,
                "text": answer.text[:EXCERPT],
                "rules": answer.rules.word,
                "llm": answer.llm.word,
            }
            for answer, _ in zip(alike, range(EXAMPLES), strict=False)
        ]
        yield {"rules": rules, "llm": llm, "n": count, "examples": examples}


# A run


def audit_run(run: ScoredRun, *, sample: int | None = None) -> dict[str, Any]:
    """What `audit.json` holds.

    Args: with `sample` a hybrid run's model reads as many answers that the rules read too, drawn
        with the run's seed; all of them with 0. A run that a model read whole is compared anyway.

    Raises: what the reader raises.
    """
    labels = [utterance.label or OTHER for utterance in run.references.utterances]
    twice = _read_twice(run, sample)
    return {
        "parser": run.settings.reader.version,
        "systems": audit_systems(run.references.classes, labels, run.systems),
        "rules_against_llm": rules_against_llm(twice) if twice else None,
    }


def _read_twice(run: ScoredRun, sample: int | None) -> list[ReadTwice]:
    reader = run.settings.reader
    if isinstance(reader, RuleReader):
        return []
    # The client is slow to load, and the rules do not need it.
    from whyser_eval.reading.model_reader import HybridReader, ModelReader

    if not isinstance(reader, ModelReader):
        return []
    answers = [answer for system in run.systems for answer in system.answers]
    if not isinstance(reader, HybridReader):
        llm = [drawn[0] for system in run.systems for drawn in system.drawn]
    elif sample is None:
        return []
    else:
        if 0 < sample < len(answers):
            answers = random.Random(run.settings.seed).sample(answers, sample)
        llm = reader.read_all(answers)
    return [
        ReadTwice(answer.model, answer.id, answer.text, *readings)
        for answer, *readings in zip(answers, reader.rules.read(answers), llm, strict=True)
    ]


# For a person


def print_audit(audit: Mapping[str, Any], run: ScoredRun) -> None:
    """Prints what each stage read, the classes with unread answers, and where readers differ."""
    names = [str(system.name) for system in run.systems]
    print_table(
        f"Read by {audit['parser']}",
        ["system", *STAGES, "other", "two emotions"],
        [_system_row(name, facts) for name, facts in zip(names, audit["systems"], strict=True)],
    )
    lost = [
        row
        for name, facts in zip(names, audit["systems"], strict=True)
        for row in _class_rows(name, facts)
    ]
    if lost:
        columns = ["system", "class", "n", "unread", "two emotions"]
        print_table("Classes with answers unread or of two emotions", columns, lost)
    if found := audit["rules_against_llm"]:
        kappa = "-" if found["kappa"] is None else f"{found['kappa']:.3f}"
        title = f"Rules against model: {found['n']:,} answers, {found['agreement']:.1%} alike"
        columns = ["rules", "model", "n", "example"]
        print_table(f"{title}, kappa {kappa}", columns, _disagreement_rows(found))


def _system_row(name: str, facts: Mapping[str, Any]) -> list[str]:
    two = sum(one["two_emotions"] for one in facts["classes"].values())
    stages = (facts["stages"].get(stage, 0) for stage in STAGES)
    return [name, *(f"{n:,}" for n in (*stages, facts["other"], two))]


def _class_rows(name: str, facts: Mapping[str, Any]) -> Iterator[list[str]]:
    for label, one in facts["classes"].items():
        if one[UNREAD] or one["two_emotions"]:
            rates = (f"{one[rate] / one['n']:.1%}" for rate in (UNREAD, "two_emotions"))
            yield [name, label, f"{one['n']:,}", *rates]


def _disagreement_rows(found: Mapping[str, Any]) -> Iterator[list[str]]:
    for one in found["disagreements"]:
        excerpt = " ".join(one["examples"][0]["text"].split())[:60]
        # Control characters could change the terminal's state.
        shown = "".join(mark for mark in excerpt if mark.isprintable())
        yield [one["rules"], one["llm"], f"{one['n']:,}", shown]
