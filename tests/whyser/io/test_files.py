from __future__ import annotations

from pathlib import Path

import pytest

from whyser.io.errors import BadInput, InputError, Problems
from whyser.io.files import atomic_path, read_jsonl, write_jsonl


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(RuntimeError), atomic_path(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old"
    assert names(tmp_path) == {"a.txt"}


def test_files_are_readable_by_others(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "a.jsonl", [{}])
    (tmp_path / "b").touch()
    assert (tmp_path / "a.jsonl").stat().st_mode == (tmp_path / "b").stat().st_mode


@pytest.mark.parametrize("line", ['{"a": 1', "3", "\x00"])
def test_a_truncated_line_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"a": 1}\n' + line)
    with pytest.raises(InputError, match=r"a.jsonl:2: not a valid JSON line"):
        list(read_jsonl(path))


def test_problems_are_told_together_and_the_rest_counted() -> None:
    problems = Problems("corpus")
    for number in range(25):
        problems.add(InputError("empty", file="a.csv", line=number))
    with pytest.raises(BadInput) as caught:
        problems.raise_any()
    lines = str(caught.value).splitlines()
    assert lines[0] == "a.csv:0: empty"
    assert lines[-2:] == ["... and 5 more", "25 problems in corpus"]


def test_a_line_is_parsed_as_its_bytes_are_and_blank_lines_count(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    lines = [b'{"a": "\xc3\xa9"}\n', b"\xef\xbb\xbf{}\r\n", b"\xff"]
    path.write_bytes(b"\n \t\n".join(lines))
    assert list(read_jsonl(path, bytes, InputError)) == list(zip((1, 4, 7), lines, strict=True))


def test_objects_may_hold_what_json_proper_does_not(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"a": NaN}\n{"a": "\\ud800"}\n')
    (_, first), (_, second) = read_jsonl(path)
    assert first["a"] != first["a"]
    assert second == {"a": "\ud800"}


def test_what_was_written_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    assert write_jsonl(path, []) == 0 and path.read_text() == ""
    assert write_jsonl(path, [{"a": "é\n"}, '{"b":1}']) == 2
    assert path.read_text(encoding="utf-8") == '{"a": "é\\n"}\n{"b":1}\n'
    assert list(read_jsonl(path)) == [(1, {"a": "é\n"}), (2, {"b": 1})]
