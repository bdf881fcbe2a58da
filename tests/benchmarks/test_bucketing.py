"""The benchmark runs at a tiny size and prints all of its lines; how fast it is, no test asks."""

from __future__ import annotations

from collections.abc import Callable

import pytest

pytest.importorskip("torch")


def test_every_line_is_printed(printed_by: Callable[..., list[list[str]]]) -> None:
    table = printed_by("bucketing.py", "--clips", "64")
    figures = {measure: figure for measure, figure, *_ in table}

    def share(measure: str) -> float:
        return float(figures[measure].removesuffix("%"))

    # Padding is counted, not timed.
    assert share("padding, bucketed") < 3 < 30 < share("padding, any length")
    for way in ("any length", "bucketed"):
        assert float(figures[f"an epoch of 64 clips, {way}"].removesuffix(" s")) > 0
    assert float(figures["times as fast bucketed"]) > 0
