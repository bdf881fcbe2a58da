"""`whyser-eval study read`: from the raters' files and the key to figures.

Each rater is compared with the others; remarks point out the unusual, and drop nobody.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from whyser.io.files import atomic_set, write_json, write_jsonl, write_text
from whyser.io.text import inert
from whyser.records.provenance import provenance
from whyser_eval.explanations.study.files import CollectedFiles, GivenAnswer, SavedFile
from whyser_eval.explanations.study.material import CHOICES, KeyEntry, StudyKey, Test
from whyser_eval.explanations.study.rows import RaterRow, StudyResults, write_studied
from whyser_eval.explanations.study.statistics import (
    BootstrapSettings,
    Votes,
    is_favoured,
    study_rows,
    votes,
)
from whyser_eval.metrics.data import FloatArray

COLUMNS = ("rater", "test", "item", "id", "gold", "prediction", "condition", "choice",
           "milliseconds", "plays", "place", "swapped")  # fmt: skip


#: With fewer raters, quartiles mean little.
FEWEST = 5

#: By chance, this many equal answers occur in less than 1 % of cases.
MANY_ALIKE = 8


def studied(collected: CollectedFiles, key: StudyKey, draws: BootstrapSettings) -> StudyResults:
    """All figures of the counted files; a test without answers has none."""
    found = StudyResults(key.study, key.system, key.reference, (), (), tuple(collected.left_out))
    for test in CHOICES:
        chosen = votes(collected.files, key, test)
        if chosen.n:
            found = replace(
                found,
                rows=(*found.rows, *study_rows(chosen, key, draws)),
                raters=(*found.raters, *rater_rows(collected.files, chosen, key)),
                warnings=(*found.warnings, *_warnings(chosen)),
            )
    return found


def _warnings(chosen: Votes) -> Iterator[str]:
    raters = len(chosen.means)
    if raters < 2:
        yield f"{chosen.test}: one rater says nothing of other raters; there is no t interval"
    elif raters < FEWEST:
        yield f"{chosen.test}: {raters} raters are too few to tell an outlier"
    if missing := chosen.chosen.size - chosen.n:
        yield (
            f"{chosen.test}: {missing:,} of {chosen.chosen.size:,} answers are missing; the t "
            "interval weighs every rater alike, the other two every answer"
        )


# ---- raters -----------------------------------------------------------------------------------


def rater_rows(files: Sequence[SavedFile], chosen: Votes, key: StudyKey) -> list[RaterRow]:
    """Share, agreement and remarks of every rater with an answer in the test."""
    agreements = agreements_with_others(chosen.chosen)
    shares = np.array([_mean(row) for row in chosen.chosen])
    asked = {item.item for item in chosen.items}
    rows = []
    for place, saved in enumerate(files):
        given = [one for one in saved.file.answers if one.test == chosen.test]
        own = [one for one in given if one.item in asked]
        if not own:
            continue
        share, agreement = float(shares[place]), float(agreements[place])
        remarks = (
            *_failed_checks(given, key),
            *_outlying(share, agreement, shares, agreements),
            *_alike(own, chosen.test),
            *_hasty(own, chosen.items),
        )
        seconds = median(one.milliseconds for one in own) / 1000
        known = None if np.isnan(agreement) else agreement
        rows.append(RaterRow(saved.rater, chosen.test, share, known, len(own), seconds, remarks))
    return rows


def agreements_with_others(chosen: FloatArray) -> FloatArray:
    """float[r], each rater's share of agreement with the majority of the others; NaN without items.

    Items on which the others are tied, or which no other rater answered, are left out.

    Args: `chosen`, float[r, k], 1, 0 or NaN.

    >>> agreements_with_others(np.array([[1, 1, 0], [1, 0, 0], [1, 1, 1.0]])).round(2).tolist()
    [1.0, 0.5, 0.5]
    """
    answered = ~np.isnan(chosen)
    ones = np.where(answered, chosen, 0)
    # Twice the others' ones minus their number: the sign is their majority.
    lead = 2 * (ones.sum(axis=0) - ones) - (answered.sum(axis=0) - answered)
    told = answered & (lead != 0)
    return np.array(
        [_mean((own == (by > 0))[of]) for own, by, of in zip(chosen, lead, told, strict=True)]
    )


def _mean(values: FloatArray) -> float:
    known = values[~np.isnan(values.astype(float))]
    return float(known.mean()) if len(known) else float("nan")


# ---- remarks ----------------------------------------------------------------------------------


def _failed_checks(given: Sequence[GivenAnswer], key: StudyKey) -> Iterator[str]:
    expected = {one.item: one.expected for one in key.answers if one.expected is not None}
    checks = [one for one in given if one.item in expected]
    if failed := sum(one.choice != expected[one.item] for one in checks):
        yield f"failed {failed} of {len(checks)} attention checks"


def _outlying(
    share: float, agreement: float, shares: FloatArray, agreements: FloatArray
) -> Iterator[str]:
    """Remarks by Tukey's fences; only low agreement is an outlier."""
    low, high = fences(shares)
    if not low <= share <= high:
        yield f"outlier: share {share:.0%}, the fences are {low:.0%} and {high:.0%}"
    low, _ = fences(agreements)
    if agreement < low:
        yield f"outlier: agrees with the others on {agreement:.0%}, the fence is {low:.0%}"


def fences(values: FloatArray) -> tuple[float, float]:
    """Tukey's fences: the quartiles, extended by 1.5 times the interquartile range.

    Infinite for fewer than `FEWEST` values.

    Source: Tukey, Exploratory Data Analysis (1977).

    >>> fences(np.array([1.0, 2, 3, 4, 5]))
    (-1.0, 7.0)
    """
    known = values[~np.isnan(values)]
    if len(known) < FEWEST:
        return -np.inf, np.inf
    lower, upper = np.percentile(known, [25, 75])
    reach = 1.5 * (upper - lower)
    return float(lower - reach), float(upper + reach)


def _alike(own: Sequence[GivenAnswer], test: Test) -> Iterator[str]:
    if len(own) < MANY_ALIKE:
        return
    first, second = CHOICES[test]
    if test == "accept":
        for choice in (first, second):
            if all(one.choice == choice for one in own):
                yield f"always the same choice: {choice}"
        return
    # By position on the screen.
    upper = sum((one.choice == first) != one.swapped for one in own)
    if upper in (0, len(own)):
        yield f"always the one shown {'first' if upper else 'second'}"


def _hasty(own: Sequence[GivenAnswer], items: Sequence[KeyEntry]) -> Iterator[str]:
    n = len(own)
    if unheard := sum(not one.plays for one in own):
        yield f"{unheard} of {n} answered without playing the sound"
    durations = {one.item: one.duration or 0.0 for one in items}
    if early := sum(one.plays > 0 and one.milliseconds < 1000 * durations[one.item] for one in own):
        yield f"{early} of {n} answered in less time than the sound takes"


# ---- output -----------------------------------------------------------------------------------


def write_study(
    folder: Path,
    found: StudyResults,
    files: Sequence[SavedFile],
    key: StudyKey,
    *,
    inputs: Sequence[Path],
    settings: Mapping[str, Any],
) -> None:
    """Writes study.json, judgements.csv, preferences.jsonl and provenance.json, all or none.

    Args: `inputs` and `settings`, for the provenance.
    """
    import pandas as pd

    record = provenance(inputs) | {"settings": settings, "key": key.provenance}
    judgements = pd.DataFrame(_judgements(files, key), columns=COLUMNS)
    table = judgements.to_csv(index=False, lineterminator="\n")
    with atomic_set(folder / "study.json") as written:
        write_json(written(folder / "provenance.json"), record)
        write_text(written(folder / "judgements.csv"), table)
        write_jsonl(written(folder / "preferences.jsonl"), _preferences(files, key))
        write_studied(written(folder / "study.json"), found)


def _judgements(files: Iterable[SavedFile], key: StudyKey) -> Iterator[list[object]]:
    """One line per answer, in the order of `COLUMNS`, without attention checks."""
    for saved, given, item in _answers(files, key):
        own = is_favoured(given, item, key)
        yield [
            *map(inert, (saved.rater, given.test, given.item, item.id)),
            *map(inert, (item.gold, item.prediction, item.condition)),
            given.choice if given.test == "accept" else "system" if own else "reference",
            given.milliseconds,
            given.plays,
            given.place,
            str(given.swapped).lower(),
        ]


def _preferences(files: Iterable[SavedFile], key: StudyKey) -> Iterator[dict[str, Any]]:
    """The votes for each system, one line per pair: the input of `whyser-eval judge --humans`."""
    counts: dict[str, Counter[str]] = {one.item: Counter() for one in key.of("prefer")}
    for _, given, item in _answers(files, key):
        if given.test == "prefer":
            counts[given.item][item.systems[CHOICES["prefer"].index(given.choice)]] += 1
    for item in key.of("prefer"):
        found = counts[item.item]
        if found:
            preferred = {system: found[system] for system in item.systems}
            yield {"id": item.id, "systems": item.systems, "preferred": preferred}


def _answers(
    files: Iterable[SavedFile], key: StudyKey
) -> Iterator[tuple[SavedFile, GivenAnswer, KeyEntry]]:
    items = {one.item: one for test in CHOICES for one in key.of(test)}
    for saved in files:
        for given in saved.file.answers:
            if given.item in items:
                yield saved, given, items[given.item]
