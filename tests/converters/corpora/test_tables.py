from __future__ import annotations

import random
from pathlib import Path

import pytest

from whyser.io.errors import InputError
from whyser_converters.corpora import tables

ROWS = [f'turn {number},"WORKER; Sad; A:{number}; D:1;",{number}' for number in range(60)]
ODD = ('"', ",", "\0", "\r\n", "\n\n", 'a"b', '"two\nlines"', "\udcff", "é", "")


def _found(path: Path, *, stray_bytes: bool = False) -> tuple[list[object], list[str]]:
    """The rows, and the faults with their subjects, of a table of three columns."""
    faults: list[str] = []

    def lost(problem: InputError, name: str) -> None:
        faults.append(f"{name}: {problem}")

    rows = tables.read_table(path, ("File", "Number"), lost, stray_bytes=stray_bytes)
    return list(rows), faults


def _write(path: Path, lines: list[str]) -> None:
    text = "\n".join(["File,Detail,Number", *lines, ""])
    path.write_bytes(text.encode(errors="surrogateescape"))


@pytest.mark.parametrize("stray_bytes", [False, True])
def test_blocks_of_lines_are_read_as_single_rows_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stray_bytes: bool
) -> None:
    path, draw = tmp_path / "a.csv", random.Random(0)
    seen: set[str] = set()
    for _ in range(200):
        lines = list(ROWS)
        for _ in range(draw.randrange(4)):
            place = draw.randrange(len(lines))
            cut = draw.randrange(len(lines[place]) + 1)
            lines[place] = lines[place][:cut] + draw.choice(ODD) + lines[place][cut:]
        _write(path, lines)
        with monkeypatch.context() as patch:
            patch.setattr(tables, "_plain_rows", lambda *_: [])
            expected = _found(path, stray_bytes=stray_bytes)
        seen.update(fault.partition(": ")[2] for fault in expected[1])
        for size in (1, 300, 1 << 16):
            monkeypatch.setattr(tables, "_BLOCK", size)
            assert _found(path, stray_bytes=stray_bytes) == expected, lines
    assert len(seen) > 50


def test_rows_and_faults_keep_their_lines_in_every_block(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, lines = tmp_path / "a.csv", list(ROWS)
    # The row of line 22 spans two lines, so that of line 42 is the fortieth.
    lines[20] = 'turn 20,"two\nlines",20'
    lines[40] = 'turn 40,"never closed,40'
    _write(path, lines)
    monkeypatch.setattr(tables, "_BLOCK", 200)
    rows, faults = _found(path)
    assert rows == [
        (number + 2 + (number > 20), (f"turn {number}", f"{number}"))
        for number in range(60)
        if number != 40
    ]
    assert len(faults) == 1 and faults[0].startswith(f"turn 40: {path}:43: not valid CSV")
