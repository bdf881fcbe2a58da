"""Reads the values of attributes from the cells of corpora."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

from whyser.io.errors import InputError
from whyser.labels.attributes import Scales
from whyser.records.utterance import Utterance
from whyser_converters.corpora.conversion_log import ConversionLog

#: What the cells of votes without a rating hold.
_MISSING = frozenset({"", "na", "nan"})

#: More than the values of three attributes combine to; published means are rarely alike.
_REMEMBERED = 10_000

#: Attribute -> the value that one annotator gave, or the mean of all.
Values: TypeAlias = Mapping[str, float]


class AttributeCells:
    """Reads cells that hold the values of attributes, in the order of their `scales`.

    A value that is no number, or not on its scale, costs only itself: it is reported and counted,
    and the vote keeps its label.
    """

    def __init__(self, scales: Scales, file: Path, log: ConversionLog) -> None:
        self._scales = scales
        self._file = file
        self._log = log
        # Annotators choose from few values, and there are millions of votes.
        self._known: dict[tuple[str, ...], Values] = {}

    def read(self, cells: tuple[str, ...], line: int, of: str) -> Values:
        """The values, without those of empty cells; `of` names the utterance in a fault."""
        if (known := self._known.get(cells)) is not None:
            return known
        found: dict[str, float] = {}
        is_good = True
        for (name, scale), cell in zip(self._scales.items(), map(str.strip, cells), strict=True):
            value = _number(cell)
            if value is not None and scale[0] <= value <= scale[1]:
                found[name] = value
            elif cell.lower() not in _MISSING:
                is_good = False
                what = f"bad {name} {cell[:60]!r} of {of}"
                self.lose(what, line, f"Expected {scale[0]:g} to {scale[1]:g}. ")
        if is_good and len(self._known) < _REMEMBERED:
            self._known[cells] = found
        return found

    def lose(self, what: str, line: int, expected: str = "") -> None:
        """Reports and counts a value that is left out."""
        cure = f"{expected}Only this value is left out."
        self._log.lost_value(InputError(what, file=self._file, line=line, cure=cure))


def _number(cell: str) -> float | None:
    try:
        return float(cell)
    except ValueError:
        return None


def with_released_means(utterance: Utterance, means: Values, log: ConversionLog) -> Utterance:
    """Compares the published means with the votes', and keeps those that no vote has."""
    rated = utterance.attribute_means
    log.compare_means(utterance.id, means, rated)
    missing = {name: mean for name, mean in means.items() if name not in rated}
    return utterance.model_copy(update={"attributes": missing}) if missing else utterance
