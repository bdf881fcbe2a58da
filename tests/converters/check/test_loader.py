"""The check's verdict on a file of rows is that of LLaMA-Factory's own loader."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from whyser_converters.check import loader
from whyser_converters.check.datasets import check_datasets
from whyser_converters.check.findings import Findings
from whyser_converters.check.settings import Job
from whyser_converters.datasets.dataset_info import entry

Row = dict[str, Any]
Verdict = Callable[[bytes, str], list[str]]

#: Values of a column that nothing reads.
VALUES: list[Any] = [
    *(1, 2**40, 2**70, 0.5, -1e300, True, None, "a", "1", "1.5", "2024-05-01", "été", "\ud83d"),
    *([], [1], ["a"], [None], [[1]], [{"b": 1}], {}, {"b": 1}, {"b": "1"}, {"b": {"c": []}}),
]
COLUMNS = ("id", "date", "created_at", "votes", "weight")


def as_list(rows: list[Row]) -> str:
    return json.dumps(rows)


def as_lines(rows: list[Row]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


SHAPES: dict[str, Callable[[list[Row]], str]] = {
    "list": as_list,
    "list of one row a line": lambda rows: "[\n" + ",\n".join(map(json.dumps, rows)) + "\n]\n",
    "indented list": lambda rows: json.dumps(rows, indent=1, ensure_ascii=True),
    "lines": as_lines,
    "lines with blank ones": lambda rows: as_lines(rows).replace("\n", "\r\n\r\n"),
    "lines without an end": lambda rows: as_lines(rows).rstrip(),
    "objects one after the other": lambda rows: "".join(map(json.dumps, rows)),
    "indented objects": lambda rows: "\n".join(json.dumps(row, indent=1) for row in rows),
    "list with a comma too many": lambda rows: as_list(rows)[:-1] + ",]",
    "list in two": lambda rows: as_list(rows[:1]) + "\n" + as_list(rows[1:]),
    "cut list": lambda rows: as_list(rows)[:-9],
    "cut lines": lambda rows: as_lines(rows)[:-9],
}
ENCODINGS = (*["utf-8"] * 7, "utf-8-sig", "utf-16", "cp1252")


#: Values of a column in two rows, and whether the loader gives both one type.
PAIRS: list[tuple[Any, Any, bool]] = [
    *((1, 1.5, True), (1, None, True), ("a", None, True), ([], ["a"], True), ({}, {"b": 1}, True)),
    *((1, "a", False), (True, 1, False), ("a", ["a"], False), ({"b": 1}, [1], False)),
    *(([1], ["a"], False), ({"b": 1}, {"b": "c"}, False)),
]


@pytest.fixture
def rows(row: Callable[..., Row]) -> list[Row]:
    return [row() for _ in range(4)]


@pytest.fixture
def verdict(tmp_path: Path, write_noise: Callable[..., Path]) -> Verdict:
    """The problems that the check finds in a file of rows with these bytes."""
    write_noise(tmp_path / "a.wav")

    def call(data: bytes, suffix: str) -> list[str]:
        file = tmp_path / f"d{suffix}"
        file.write_bytes(data)
        table = tmp_path / "dataset_info.json"
        table.write_text(json.dumps({"d": entry(file.name)}), encoding="utf-8")
        findings = Findings("d")
        check_datasets([Job("d", table, tmp_path)], findings)
        return findings.problems

    return call


def loads(file: Path, cache: Path) -> bool:
    """Whether LLaMA-Factory would load the file: the call is that of its loader."""
    datasets = pytest.importorskip("datasets")
    datasets.logging.set_verbosity(datasets.logging.CRITICAL)
    try:
        datasets.load_dataset("json", data_files=[str(file)], split="train", cache_dir=str(cache))
    except Exception:
        return False
    return True


def mutations(rows: list[Row], count: int) -> Iterator[tuple[str, bytes, str]]:
    """Datasets with values of several kinds in one column, in several shapes and encodings."""
    for seed in range(count):
        draw = random.Random(seed)
        column, nested = draw.choice(COLUMNS), draw.random() < 0.3
        values = draw.choices(VALUES, k=draw.choice([1, 1, 2, 3]))
        changed = json.loads(json.dumps(rows))
        for given in changed:
            if draw.random() < 0.9:
                (given["messages"][1] if nested else given)[column] = draw.choice(values)
        shape = draw.choice(list(SHAPES)[: draw.choice([4, len(SHAPES)])])
        encoding = draw.choice(ENCODINGS)
        data = SHAPES[shape](changed).encode(encoding)
        yield f"{seed}: {shape}, {encoding}, {values}", data, draw.choice([".json", ".jsonl"])


def compare(rows: list[Row], count: int, verdict: Verdict, tmp_path: Path) -> None:
    wrong, loaded = [], 0
    for name, data, suffix in mutations(rows, count):
        found = verdict(data, suffix)
        accepted = loads(tmp_path / f"d{suffix}", tmp_path / f"cache{name.partition(':')[0]}")
        loaded += accepted
        if accepted != (not found):
            wrong.append(f"{name}{suffix}: {'loads' if accepted else 'fails'}, {found}")
    assert wrong == []
    # Neither verdict is the only one.
    assert count // 5 < loaded < count * 4 // 5


def test_the_verdict_is_that_of_the_loader(
    rows: list[Row], verdict: Verdict, tmp_path: Path
) -> None:
    compare(rows, 20, verdict, tmp_path)


@pytest.mark.slow
def test_the_verdict_is_that_of_the_loader_on_many_datasets(
    rows: list[Row], verdict: Verdict, tmp_path: Path
) -> None:
    compare(rows, 400, verdict, tmp_path)


@pytest.fixture(params=[True, False], ids=["with datasets", "base install"])
def library(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether the library of the loader is there; without it our own rules decide."""
    if request.param:
        pytest.importorskip("datasets")
    else:
        monkeypatch.setattr(loader, "is_installed", lambda _name: False)
    return bool(request.param)


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize("shape", [as_list, as_lines])
@pytest.mark.parametrize("nested", [False, True])
def test_a_column_has_one_kind_of_values(
    rows: list[Row], verdict: Verdict, shape: Callable[[list[Row]], str], nested: bool
) -> None:
    for first, second, accepted in PAIRS:
        for given, value in ((rows[0], first), (rows[3], second)):
            (given["messages"][1] if nested else given)["extra"] = value
        found = verdict(shape(rows).encode(), ".json")
        assert (found == []) == accepted, (first, second, found)
        if not accepted:
            place = "messages[].extra" if nested else "extra"
            assert f"d.json: '{place}" in found[0]
            assert "in others, such as rows 0 and 3. Write one kind" in found[0]


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize("suffix", [".json", ".jsonl"])
@pytest.mark.parametrize(
    ("shape", "encoding", "message"),
    [
        (as_list, "utf-8", None),
        (as_lines, "utf-8", None),
        (as_lines, "utf-8-sig", None),
        (as_list, "utf-8-sig", "begins with a byte-order mark, which LLaMA-Factory's loader"),
        (as_lines, "utf-16", "is in utf-16, which LLaMA-Factory's loader refuses. Save it as"),
    ],
)
def test_lists_and_lines_load_under_either_name(
    rows: list[Row],
    verdict: Verdict,
    suffix: str,
    shape: Callable[[list[Row]], str],
    encoding: str,
    message: str | None,
) -> None:
    found = verdict(shape(rows).encode(encoding), suffix)
    assert found == [] if message is None else message in "\n".join(found)


@pytest.mark.usefixtures("library")
def test_half_a_character_is_named(rows: list[Row], verdict: Verdict, tmp_path: Path) -> None:
    rows[2]["messages"][1]["content"] += "\ud83d"
    [problem] = verdict(as_lines(rows).encode(), ".jsonl")
    assert "d.jsonl: row 2 holds half a character (\\ud83d). Write \\ufffd" in problem
    # A list loads, but LLaMA-Factory loses the half.
    assert verdict(as_list(rows).encode(), ".json") == []
    findings = Findings("d")
    check_datasets([Job("d", tmp_path / "dataset_info.json", tmp_path)], findings)
    assert "row 2: holds half a character (\\ud83d), which" in findings.warnings[0]


@pytest.mark.usefixtures("library")
def test_a_sound_by_half_a_character_is_named(rows: list[Row], verdict: Verdict) -> None:
    rows[1]["audios"] = ["/x/\udce9.wav"]
    found = "\n".join(verdict(as_list(rows).encode(), ".json"))
    assert "d.json: row 1: names a sound by half a character (\\udce9)" in found


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("[" * 5_000 + "]" * 5_000, "nests deeper than 200 levels"),
        ("9" * 5_000, "holds a number of 5,000 digits"),
    ],
)
def test_the_bounds_of_json_are_named_by_line(
    rows: list[Row], verdict: Verdict, value: str, message: str
) -> None:
    rows[2]["extra"] = "VALUE"
    data = SHAPES["list of one row a line"](rows).replace('"VALUE"', value).encode()
    assert f"d.json:4: not valid JSON ({message}). Remove the value." in verdict(data, ".json")[0]


def test_the_loaders_own_reason_is_shown_where_no_rule_of_ours_finds_one(
    rows: list[Row], verdict: Verdict
) -> None:
    pytest.importorskip("datasets")
    rows[1]["extra"] = 2**70
    [problem] = verdict(as_list(rows).encode(), ".json")
    assert "d.json: LLaMA-Factory's loader refuses the file (Value is too big" in problem
