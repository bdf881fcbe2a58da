"""The client's benchmark runs at a tiny size and prints all of its lines."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

MEASURES = (
    "70 requests, 64 at a time",
    "over the ideal 0.22 s",
    "bare aiohttp over the ideal",
    "client CPU a request",
    "bare aiohttp, CPU a request",
    "memory, last three quarters over the first",
    "peak memory",
    "with 6 s of sound in base64: CPU a request",
    "over the ideal",
    "peak memory",
    "opening a ledger of 50 answers, 0 MB",
    "bare json.loads of its lines",
    "memory for it",
    "finding an answer in it",
)


def test_every_line_is_printed_with_a_figure_and_nothing_is_judged(
    printed_by: Callable[..., list[list[str]]], tmp_path: Path
) -> None:
    sizes = ("--requests", "70", "--answers", "50")
    cells = printed_by("chat.py", "--work", str(tmp_path), *sizes)
    assert [row[0] for row in cells] == list(MEASURES)
    assert all(row[1][0].isdigit() for row in cells)
    assert {row[3] for row in cells if row[2]} == {"not judged"}
    assert list(tmp_path.iterdir()) == []
