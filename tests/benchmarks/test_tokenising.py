"""The benchmark compares every integer at a tiny size; how fast it is, no test asks."""

from __future__ import annotations

from collections.abc import Callable

import pytest

pytestmark = pytest.mark.llamafactory

COLUMNS = ("input_ids", "attention_mask", "labels")


def test_every_column_of_every_stage_is_compared(
    printed_by: Callable[..., list[list[str]]],
) -> None:
    cells = printed_by("tokenising.py", "--clips", "6")
    compared = {row[0]: row[3] for row in cells if row[2] == "identical"}
    pairs = [f"{answer}_{column}" for answer in ("chosen", "rejected") for column in COLUMNS]
    assert compared == dict.fromkeys([*COLUMNS, *pairs], "yes")
    assert [row[3] for row in cells if row[0] == "times as fast"] == ["not judged"] * 2
    assert all(row[1][0].isdigit() for row in cells)
