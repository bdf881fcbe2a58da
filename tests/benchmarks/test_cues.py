"""The benchmark runs at a tiny size and prints all of its lines; how fast it is, no test asks."""

from __future__ import annotations

from collections.abc import Callable


def test_every_line_is_printed(printed_by: Callable[..., list[list[str]]]) -> None:
    table = printed_by("cues.py", "--clips", "12")
    figures = {measure: figure for measure, figure, *_ in table}
    for measure in (
        "pitch, intensity, rate and pauses",
        "bare Praat, pitch and intensity",
        "with voice quality",
    ):
        assert float(figures[measure].removesuffix(" clips a second")) > 0
    assert float(figures["the command over bare Praat"]) > 0
    (mean,) = (name for name in figures if name.startswith("12 clips, of "))
    assert 3 <= float(mean.removeprefix("12 clips, of ").removesuffix(" s in the mean")) <= 8
