"""An audit of the reader: what each stage read, what stayed unread, and rules against a model.

A score depends on its reader: a class whose answers are unread more often than others' gets a lower
score because of the reader, not the system. Look first where rules and model disagree.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
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
    return [_facts(classes, labels, system) for system in systems]


def _facts(classes: Sequence[str], labels: Sequence[str], system: System) -> dict[str, Any]:
    stages = Counter(reading.stage for reading in system.readings)
    words = Counter((one.word, one.label) for one in system.readings if one.word is not None)
    ranked = sorted(words.items(), key=lambda item: (-item[1], item[0][0] or ""))
    n, unread, two = Counter(labels), Counter[str](), Counter[str]()
    for gold, reading in zip(labels, system.readings, strict=True):
        unread[gold] += reading.label is None
        two[gold] += reading.two_emotions
    return {
        **asdict(system.name),
        "stages": {stage: stages[stage] for stage in STAGES if stages[stage]},
        "classes": {
            label: {"n": n[label], UNREAD: unread[label], "two_emotions": two[label]}
            for label in classes
        },
        "other": sum(reading.label == OTHER for reading in system.readings),
        "words": [[word, label, count] for (word, label), count in ranked[:WORDS]],
    }


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
    answers_of: defaultdict[tuple[str, str], list[ReadTwice]] = defaultdict(list)
    for answer in answers:
        answers_of[answer.labels].append(answer)
    ranked = sorted(answers_of.items(), key=lambda item: (-len(item[1]), item[0]))
    pairs = [(rules, llm, len(own)) for (rules, llm), own in ranked]
    return {
        "n": len(answers),
        "agreement": sum(n for rules, llm, n in pairs if rules == llm) / len(answers),
        "kappa": cohen_kappa({(rules, llm): n for rules, llm, n in pairs}),
        "read_by_rules_alone": sum(n for rules, llm, n in pairs if rules != llm == UNREAD),
        "read_by_llm_alone": sum(n for rules, llm, n in pairs if llm != rules == UNREAD),
        "disagreements": [
            {
                "rules": rules,
                "llm": llm,
                "n": len(own),
                "examples": [_example(answer) for answer in own[:EXAMPLES]],
            }
            for (rules, llm), own in ranked
            if rules != llm
        ],
    }


def _example(answer: ReadTwice) -> dict[str, Any]:
    return {
        "id": answer.id,
        "model": answer.model,
        "text": answer.text[:EXCERPT],
        "rules": answer.rules.word,
        "llm": answer.llm.word,
    }


# A run


def audit_run(run: ScoredRun, *, sample: int | None = None) -> dict[str, Any]:
    """What `audit.json` holds.

    Args: `sample`, how many answers that the rules read a hybrid run's model reads too, drawn with
        the run's seed; 0 for all of them. A run that a model read whole is always compared.

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

    is_hybrid = isinstance(reader, HybridReader)
    if not isinstance(reader, ModelReader) or (is_hybrid and sample is None):
        return []
    answers = [answer for system in run.systems for answer in system.answers]
    if is_hybrid:
        if sample and sample < len(answers):
            answers = random.Random(run.settings.seed).sample(answers, sample)
        llm = reader.read_all(answers)
    else:
        llm = [drawn[0] for system in run.systems for drawn in system.drawn]
    return [
        ReadTwice(answer.model, answer.id, answer.text, *readings)
        for answer, *readings in zip(answers, reader.rules.read(answers), llm, strict=True)
    ]


# For a person


def print_audit(audit: Mapping[str, Any], run: ScoredRun) -> None:
    """Prints what each stage read, the classes with unread answers, and where readers differ."""
    systems = [
        (str(system.name), facts)
        for system, facts in zip(run.systems, audit["systems"], strict=True)
    ]
    print_table(
        f"Read by {audit['parser']}",
        ["system", *STAGES, "other", "two emotions"],
        [_system_row(name, facts) for name, facts in systems],
    )
    if lost := [row for name, facts in systems for row in _class_rows(name, facts)]:
        columns = ["system", "class", "n", "unread", "two emotions"]
        print_table("Classes with answers that are unread or name two emotions", columns, lost)
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
