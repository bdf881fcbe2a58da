from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from whyser.demo.staging import MARKER, DemoError, fresh_directory
from whyser.demo.voices import Synthesizer, Voice
from whyser.options.demo_command import app
from whyser.temporary import begin_command

runner = CliRunner()


@pytest.mark.parametrize("command", ["corpora", "model"])
def test_a_foreign_directory_is_refused_and_left_alone(tmp_path: Path, command: str) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    result = runner.invoke(app, [command, str(tmp_path)])
    assert result.exit_code == 2
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_what_it_wrote_itself_is_replaced(tmp_path: Path) -> None:
    for text in ("first", "second"):
        with fresh_directory(tmp_path / "out") as staging:
            (staging / "file.txt").write_text(text)
    assert (tmp_path / "out" / "file.txt").read_text() == "second"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out"]


def test_a_stranger_among_its_own_files_is_not_deleted(tmp_path: Path) -> None:
    with fresh_directory(tmp_path / "out") as staging:
        (staging / "file.txt").write_text("ours")
    (tmp_path / "out" / "mine.txt").write_text("mine")
    with pytest.raises(DemoError, match=r"mine\.txt"), fresh_directory(tmp_path / "out"):
        pass
    assert (tmp_path / "out" / "mine.txt").read_text() == "mine"


def test_a_failure_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), fresh_directory(tmp_path / "out") as staging:
        (staging / "half.txt").write_text("half")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_a_killed_demo_is_cleared_and_a_living_one_stays(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "whyser.options.demo_command", "corpora", str(tmp_path / "out")]
    started = [subprocess.Popen([*words, "--scale", "0.03"]) for _ in range(2)]
    dead, living = started
    while len([one for one in tmp_path.glob(".out.*/new/*/*")]) < 2:
        assert living.poll() is None
        time.sleep(0.01)
    dead.kill()
    dead.wait()
    with fresh_directory(tmp_path / "other"):
        begin_command()
        with fresh_directory(tmp_path / "another"):
            pass
        assert len([*tmp_path.glob(".out.*")]) == 1
    assert living.wait() == 0
    assert {path.name for path in tmp_path.iterdir()} == {"out", "other", "another"}


def test_the_synthesiser_leaves_no_copy_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with Synthesizer() as first, Synthesizer() as second:
        assert list(tmp_path.iterdir()) == []
        said = [one.speak("Hello.", Voice("f1", "female"), np.zeros(4)) for one in (first, second)]
    assert (said[0] == said[1]).all()


def test_an_empty_directory_is_taken(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with fresh_directory(tmp_path / "out") as staging:
        (staging / "file.txt").write_text("ours")
    assert (tmp_path / "out" / MARKER).is_file()


def test_help_shows_defaults_and_an_example() -> None:
    result = runner.invoke(app, ["corpora", "--help"], env={"COLUMNS": "120"})
    assert result.exit_code == 0
    assert "Example: whyser-demo corpora" in result.output
    assert "default: 1.0" in result.output
