from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from whyser.io.errors import BadInput, InputError, Problems
from whyser.io.files import (
    atomic_path,
    atomic_set,
    read_json,
    read_jsonl,
    read_rows,
    read_text,
    set_time,
    sync,
    write_json,
    write_jsonl,
    write_text,
)


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


def refuse(*_: object, **__: object) -> None:
    raise PermissionError(errno.EPERM, "Operation not permitted")


@pytest.mark.parametrize("name", ["chmod", "fchmod", "lchmod"])
def test_a_file_system_without_modes_takes_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(os, name, refuse, raising=False)
    write_text(tmp_path / "a.txt", "whole")
    assert (tmp_path / "a.txt").read_text() == "whole"


def test_a_file_system_without_times_keeps_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_text(tmp_path / "a.txt", "whole")
    set_time(tmp_path / "a.txt", 10**18)
    assert (tmp_path / "a.txt").stat().st_mtime_ns == 10**18
    monkeypatch.setattr(os, "utime", refuse)
    set_time(tmp_path / "a.txt", 10**17)
    assert (tmp_path / "a.txt").stat().st_mtime_ns == 10**18


@pytest.mark.parametrize(
    ("number", "ends"),
    [(errno.EINVAL, False), (errno.ENOTSUP, False), (errno.EIO, True), (errno.ENOSPC, True)],
)
def test_only_a_disk_that_fails_ends_what_is_synced(
    monkeypatch: pytest.MonkeyPatch, number: int, ends: bool
) -> None:
    def fail(_: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fail)
    if ends:
        with pytest.raises(OSError):
            sync(0)
    else:
        sync(0)


# ---- a set of files -------------------------------------------------------------------------


def write_set(folder: Path, text: str) -> None:
    with atomic_set(folder / "last") as files:
        for name in ("a", "b", "last"):
            write_text(files(folder / name), text)


def texts(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir() if path.name[0] != "."}


def test_a_set_that_fails_before_its_end_leaves_the_earlier_one(tmp_path: Path) -> None:
    write_set(tmp_path, "old")
    with pytest.raises(RuntimeError), atomic_set(tmp_path / "last") as files:
        write_text(files(tmp_path / "a"), "new")
        raise RuntimeError
    assert texts(tmp_path) == dict.fromkeys(("a", "b", "last"), "old")
    assert names(tmp_path) == {"a", "b", "last"}


def test_the_last_file_of_a_set_is_there_only_while_the_set_is_whole(tmp_path: Path) -> None:
    """The process ends at each step in turn, as by a kill."""
    met = set()
    for step in range(100):
        folder = tmp_path / str(step)
        write_set(folder, "old")
        if not (child := os.fork()):
            _write_and_end_at(step, folder)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        found = texts(folder)
        met.add(found.get("last"))
        if "last" in found:
            assert len(set(found.values())) == 1 and len(found) == 3
        if code == 0:
            break
    # Before, while and after the files are replaced.
    assert met == {"old", None, "new"} and found["last"] == "new"


def _write_and_end_at(step: int, folder: Path) -> None:
    left = step

    def ending(real: Any) -> Any:
        def call(*arguments: Any, **options: Any) -> Any:
            nonlocal left
            left -= 1
            if left < 0:
                os._exit(9)
            return real(*arguments, **options)

        return call

    for name in ("open", "replace", "unlink"):
        setattr(Path, name, ending(getattr(Path, name)))
    write_set(folder, "new")
    os._exit(0)


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


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_text_is_read_by_its_byte_order_mark(tmp_path: Path, encoding: str, end: str) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(f'{{"a": "\u00e9"}}{end}{end}{{"a": "\U0001f600"}}{end}'.encode(encoding))
    expected = [{"a": "\u00e9"}, {"a": "\U0001f600"}]
    assert list(read_jsonl(path)) == [(1, expected[0]), (3, expected[1])]
    assert read_rows(path) == expected
    path.write_bytes('{"a": "\u00e9"}'.encode(encoding))
    assert read_json(path) == expected[0]


def test_another_encoding_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes('{"a": 1}\n{"a": "tr\u00e8s vif"}\n'.encode("cp1252"))
    expected = 'a.jsonl:2: not UTF-8 text (.*; in Windows-1252 it is \'{"a": "tr\u00e8s vif"}\''
    for read in (read_text, read_rows, lambda path: list(read_jsonl(path))):
        with pytest.raises(InputError, match=expected.replace("(", r"\(", 1)):
            read(path)


BOUNDS = [
    ("[" * 100_000, "nests deeper than 200 levels"),
    ("[" * 300 + "]" * 300, "nests deeper than 200 levels"),
    ("9" * 5_000, "holds a number of 5,000 digits"),
]


@pytest.mark.parametrize(("value", "message"), BOUNDS)
def test_what_no_reader_takes_is_named_by_line(tmp_path: Path, value: str, message: str) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(f'{{"a": 1}}\n{{"a": {value}}}\n')
    for read in (read_rows, lambda path: list(read_jsonl(path))):
        with pytest.raises(InputError) as caught:
            read(path)
        assert str(caught.value) == f"{path}:2: {message}. Remove the value."
    path.write_text(f'{{"a": 1,\n "b": {value}}}')
    with pytest.raises(InputError) as caught:
        read_json(path)
    assert str(caught.value) == f"{path}:2: not valid JSON ({message}). Remove the value."


def test_brackets_in_a_text_are_no_depth(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    rows = [{"a": '\\"' + "[" * 1_000}, {"a": [[0]] * 1_000}]
    write_jsonl(path, rows)
    assert read_rows(path) == rows
    assert [row for _, row in read_jsonl(path)] == rows


def test_half_a_character_is_written_as_its_escape(tmp_path: Path) -> None:
    row = {"a": "Kopie f\udcfcr mich \ud83d"}
    write_json(tmp_path / "a.json", row)
    assert read_json(tmp_path / "a.json") == row
    write_jsonl(tmp_path / "a.jsonl", [row])
    assert read_rows(tmp_path / "a.jsonl") == [row]


@pytest.mark.parametrize("text", ["[1, 2]", "[1,\n 2\n]\n", "1\n\n2\n", "1\r\n2"])
def test_rows_are_a_list_or_lines(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.json"
    path.write_text(text, newline="")
    assert read_rows(path) == [1, 2]
    path.write_text("[1]\n[2]")
    assert read_rows(path) == [[1], [2]]
