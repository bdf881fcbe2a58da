from __future__ import annotations

import errno
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from whyser.io.console import new_app, print_table, run
from whyser.io.errors import InputError


def app_that_raises(error: BaseException) -> typer.Typer:
    app = new_app("test")

    @app.command()
    def fail() -> None:
        raise error

    return app


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (
            InputError("is empty", file="a.csv", line=3, cure="Fill it."),
            "a.csv:3: is empty. Fill it.",
        ),
        (OSError(errno.ENOSPC, "No space left on device", "out.jsonl"), "out.jsonl: No space left"),
        (NotADirectoryError(errno.ENOTDIR, "Not a directory", "out"), "out: Not a directory"),
    ],
)
def test_what_a_user_can_mend_ends_with_one_line_and_status_1(
    error: Exception,
    message: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sys.argv", ["tool", "fail"])
    with pytest.raises(SystemExit) as ended:
        run(app_that_raises(error))
    assert ended.value.code == 1
    assert message in capsys.readouterr().err


def test_a_fault_of_ours_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["tool", "fail"])
    with pytest.raises(ZeroDivisionError):
        run(app_that_raises(ZeroDivisionError()))


def test_a_table_prints_names_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    print_table("Splits [all]", ["name", "n"], [["[red]x[/red]", 12]])
    printed = capsys.readouterr().out
    assert "Splits [all]" in printed
    assert "[red]x[/red]" in printed


def test_what_hides_in_a_cell_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    print_table("Systems", ["name"], [["\x1b[2Jgone\u202e"]])
    assert "␛[2Jgone⟨U+202E⟩" in capsys.readouterr().out


@pytest.mark.parametrize("size", [1, 100_000])
def test_an_output_that_finds_no_room_is_named(size: int) -> None:
    script = f"""
from whyser.io.console import new_app, print_json, run
app = new_app("test")
@app.command()
def write() -> None:
    print_json("a" * {size})
run(lambda: app(args=["write"]))
"""
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-c", script],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr == (
        "error: standard output: No space left on device. Free disk space and run the command "
        "again.\n"
    )
