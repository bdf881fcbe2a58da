"""Figures of the raters' choices: shares with three intervals each, and agreement.

The t interval treats the raters as a sample and the items as fixed, as in the paper. The bootstrap
samples raters and items, so it also covers other items. The binomial interval treats all answers as
independent, which answers of one person or to one item are not: it is too narrow, and only serves
to compare with studies that report it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from whyser.labels.classes import CLASSES
from whyser_eval.explanations.study.files import GivenAnswer, SavedFile
from whyser_eval.explanations.study.material import CHOICES, KeyEntry, StudyKey, Test
from whyser_eval.explanations.study.rows import RATES, Interval, StudyRow
from whyser_eval.metrics.data import FloatArray, IntArray
from whyser_eval.scoring.signature import rows_hash, signed
from whyser_eval.statistics.agreement import fleiss_kappa, krippendorff_alpha
from whyser_eval.statistics.bootstrap import percentiles
from whyser_eval.statistics.proportions import t_against_half, t_interval, wilson

BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Votes:
    """The raters' choices in one test.

    Attributes:
        raters: r names
        items: k entries of the key
        chosen: float[r, k], 1 for accepted or for preferring the system's own rationale, 0 for the
            other choice, NaN for no answer
    """

    test: Test
    raters: tuple[str, ...]
    items: tuple[KeyEntry, ...]
    chosen: FloatArray

    @property
    def answered(self) -> BoolArray:
        return ~np.isnan(self.chosen)

    @property
    def n(self) -> int:
        return int(self.answered.sum())

    @property
    def favoured(self) -> int:
        return int(np.nansum(self.chosen))

    @property
    def means(self) -> list[float]:
        """The share of every rater with an answer."""
        return [float(np.nanmean(row)) for row in self.chosen if not np.isnan(row).all()]

    @property
    def votes_by_item(self) -> Counter[tuple[str, ...]]:
        """The choices on every item, as the agreement measures expect them."""
        return Counter(
            tuple(sorted(str(int(one)) for one in column if not np.isnan(one)))
            for column in self.chosen.T
        )

    @property
    def hash(self) -> str:
        """A hash of all choices with their raters and items."""
        return rows_hash(
            f"{rater}\t{item.item}\t{chosen}"
            for rater, row in zip(self.raters, self.chosen, strict=True)
            for item, chosen in zip(self.items, row, strict=True)
        )

    @cached_property
    def subsets(self) -> dict[str, BoolArray]:
        """bool[k] each: all items, those of each condition (Test I), and of each majority label."""
        names = {"all": [True] * len(self.items)}
        if self.test == "accept":
            for condition in ("match", "mismatch"):
                names[condition] = [one.condition == condition for one in self.items]
        for label in CLASSES:
            names[f"emotion:{label}"] = [one.gold == label for one in self.items]
        return {name: np.array(mask) for name, mask in names.items() if any(mask)}

    def of(self, mask: BoolArray) -> Votes:
        items = tuple(one for one, is_in in zip(self.items, mask, strict=True) if is_in)
        return Votes(self.test, self.raters, items, self.chosen[:, mask])


def votes(files: Sequence[SavedFile], key: StudyKey, test: Test) -> Votes:
    """The choices on the items of a test, without attention checks."""
    items = tuple(key.of(test))
    column = {one.item: place for place, one in enumerate(items)}
    chosen = np.full((len(files), len(items)), np.nan)
    for row, saved in zip(chosen, files, strict=True):
        for given in saved.file.answers:
            if given.item in column:
                place = column[given.item]
                row[place] = is_favoured(given, items[place], key)
    return Votes(test, tuple(saved.rater for saved in files), items, chosen)


def is_favoured(given: GivenAnswer, item: KeyEntry, key: StudyKey) -> bool:
    """Whether the choice favours the rationale of the study's system."""
    if given.test == "accept":
        return given.choice == "accept"
    return item.systems[CHOICES["prefer"].index(given.choice)] == key.system


# Figures


@dataclass(frozen=True)
class BootstrapSettings:
    """Number of bootstrap draws, 0 for no bootstrap, and the seed."""

    n: int = 10_000
    seed: int = 0


def study_rows(chosen: Votes, key: StudyKey, draws: BootstrapSettings) -> Iterator[StudyRow]:
    """All figures of one test; a subset without answers has none."""
    strata = np.array([one.condition == "match" for one in chosen.items], dtype=np.int64)
    drawn = bootstrapped(chosen.chosen, strata, chosen.subsets, draws=draws.n, seed=draws.seed)
    for subset, mask in chosen.subsets.items():
        part = chosen.of(mask)
        if part.n:
            answers, answered = part.hash, part.answered
            raters, items = int(answered.any(axis=1).sum()), int(answered.any(axis=0).sum())
            for metric, value, ends, interval in _figures(part, subset, drawn[subset]):
                pairs = {
                    "study": key.study,
                    "test": part.test,
                    "subset": subset,
                    **{"n": part.n, "raters": raters, "items": items},
                    **({"interval": interval} if interval else {}),
                    **({"draws": draws.n, "seed": draws.seed} if interval == "bootstrap" else {}),
                    **{"drawn": key.seed, "answers": answers},
                }
                low, high = ends or (None, None)
                yield StudyRow(
                    part.test, subset, metric, value, low, high, interval, part.n, raters, items,
                    signed(metric, pairs),
                )  # fmt: skip


#: Metric, value, ends and method of the interval.
_Figure: TypeAlias = tuple[str, float | None, tuple[float, float] | None, Interval | None]


def _figures(part: Votes, subset: str, drawn: FloatArray) -> Iterator[_Figure]:
    rate, share = RATES[part.test], part.favoured / part.n
    yield rate, fmean(part.means), t_interval(part.means), "t"
    if len(drawn):
        yield rate, share, percentiles(drawn), "bootstrap"
    yield rate, share, wilson(part.favoured, part.n), "binomial"
    if subset.startswith("emotion:"):
        return
    if part.test == "prefer":
        yield "p_two_sided", t_against_half(part.means), None, None
    yield "fleiss_kappa", fleiss_kappa(part.votes_by_item), None, None
    yield "krippendorff_alpha", krippendorff_alpha(part.votes_by_item), None, None


# Raters x items


def bootstrapped(
    chosen: FloatArray,
    strata: IntArray,
    subsets: Mapping[str, BoolArray],
    *,
    draws: int,
    seed: int,
) -> dict[str, FloatArray]:
    """float[draws], the share of each subset, with raters and items drawn independently.

    A draw counts how often each rater and each item is taken; an answer is weighted by the product.
    A missing answer counts in neither numerator nor denominator; a draw without answers is NaN.

    Args:
        chosen: float[r, k], 1, 0 or NaN
        strata: int[k], the items' strata; each stratum keeps its size in every draw
        subsets: bool[k] each

    Source: Owen, The pigeonhole bootstrap (2007). It is conservative: the residual variance beyond
    rater and item counts three times.

    >>> alike = np.array([[1.0, 0.0], [1.0, 0.0]])
    >>> every = {"all": np.array([True, True])}
    >>> drawn = bootstrapped(alike, np.array([0, 0]), every, draws=1000, seed=0)["all"]
    >>> sorted(set(drawn.tolist()))  # equal raters change nothing, the items do
    [0.0, 0.5, 1.0]
    """
    random = np.random.default_rng(seed)
    raters = _taken(random, np.zeros(len(chosen), dtype=np.int64), draws)
    items = _taken(random, strata, draws)
    answered = ~np.isnan(chosen)
    ones = (raters @ np.where(answered, chosen, 0)) * items
    both = (raters @ answered.astype(np.float64)) * items
    with np.errstate(invalid="ignore"):
        return {
            name: ones[:, mask].sum(axis=1) / both[:, mask].sum(axis=1)
            for name, mask in subsets.items()
        }


def _taken(random: np.random.Generator, strata: IntArray, draws: int) -> FloatArray:
    """float[draws, k], how often each is taken; every stratum keeps its size."""
    counts = np.zeros((draws, len(strata)))
    for stratum in np.unique(strata):
        members = np.flatnonzero(strata == stratum)
        shares = np.full(len(members), 1 / len(members))
        counts[:, members] = random.multinomial(len(members), shares, size=draws)
    return counts
