"""The benchmark runs at a tiny size and prints all of its lines; how fast it is, no test asks."""

from __future__ import annotations

from collections.abc import Callable


def test_every_line_is_printed(printed_by: Callable[..., list[list[str]]]) -> None:
    table = printed_by("score.py", "--items", "300")
    figures = {measure: figure for measure, figure, *_ in table}
    for name in ("score, without resampling, start included", "score, with 1,000 draws", "--help"):
        assert float(figures[name].removesuffix(" s")) > 0
    assert int(figures["scores told"]) > 100
