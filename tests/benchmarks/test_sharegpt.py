"""The benchmark runs at a tiny size and prints all of its lines; how fast it is, no test asks."""

from __future__ import annotations

from collections.abc import Callable

from whyser.answer import TARGETS


def test_every_line_is_printed(printed_by: Callable[..., list[list[str]]]) -> None:
    table = printed_by("sharegpt.py", "--utterances", "40")
    figures = {measure: figure for measure, figure, *_ in table}
    named = {f"target {target}" for target in TARGETS} | {"two epochs of sampled labels"}
    assert named < set(figures)
    assert all(float(figures[name].split(" s")[0]) > 0 for name in named)
    assert float(figures["the command over bare JSON"]) > 0
