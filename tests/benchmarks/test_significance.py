"""The benchmark runs at a tiny size and prints all of its lines; how fast it is, no test asks."""

from __future__ import annotations

from collections.abc import Callable


def test_every_line_is_printed(printed_by: Callable[..., list[list[str]]]) -> None:
    table = printed_by("significance.py", "--items", "400", "--draws", "50")
    figures = {measure: figure for measure, figure, *_ in table}
    assert float(figures["paired bootstrap"].removesuffix(" s")) > 0
    assert float(figures["approximate randomisation"].removesuffix(" s")) > 0
    # The identity is judged at every size.
    assert float(figures["F1 of the two ways, furthest apart"]) <= 1e-12
