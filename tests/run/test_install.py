"""install.sh on machines where something is missing or broken, and the call after that.

A script plays the interpreter, so the tests check only how install.sh reacts to its answers.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

#: Makes an environment whose interpreter it is itself, installs by writing one console script, and
#: writes down how often it did. PIP_SAYS plays an installer that fails with these words.
INTERPRETER = """#!/bin/bash
here=$(cd "$(dirname "$0")" && pwd)
case "$*" in
"-m venv .venv")
    [[ -z $VENV_SAYS ]] || { mkdir .venv; echo "$VENV_SAYS"; exit 1; }
    mkdir -p .venv/bin && cp "$0" .venv/bin/python && echo made >>made ;;
"-c "*"sys.exit"*) [[ $VERSION != 3.10 ]] ;;
"-c "*"print"*) echo "${VERSION:-3.11}" ;;
"-c import torchcodec") [[ -z $NO_FFMPEG ]] ;;
"-m pip --version") [[ ! -e $here/no_pip ]] ;;
"-m ensurepip") [[ -z $NO_ENSUREPIP ]] && rm "$here/no_pip" ;;
"-m pip install "*)
    echo "$*" >>installed
    [[ -z $PIP_SAYS ]] || { echo "$PIP_SAYS"; exit 1; }
    echo "#!$here/python" >"$here/whyser-eval" ;;
--version) echo "Python ${VERSION:-3.11}.7" ;;
*) exit 3 ;;
esac
"""


class Machine:
    """A checkout, and a PATH that has what the script needs and the played python3."""

    def __init__(self, folder: Path, root: Path) -> None:
        self.checkout, self.bin = folder / "a checkout", folder / "bin"
        self.checkout.mkdir()
        self.bin.mkdir()
        for name in ("install.sh", "pyproject.toml", "constraints.txt", "constraints-2026.txt"):
            shutil.copy(root / name, self.checkout)
        tools = "awk bash cat cp dirname df echo flock grep head mkdir rm sha256sum tail tee touch"
        for name in tools.split():
            self.bin.joinpath(name).symlink_to(str(shutil.which(name)))
        self.play(self.bin / "python3")

    def play(self, path: Path, text: str = INTERPRETER) -> Path:
        path.unlink(missing_ok=True)
        path.write_text(text)
        path.chmod(0o755)
        return path

    def install(
        self, extras: str = "train", **environment: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", str(self.checkout / "install.sh"), extras],
            capture_output=True, text=True, check=False,
            env={"PATH": str(self.bin), **environment},
        )  # fmt: skip

    def lines(self, name: str) -> list[str]:
        file = self.checkout / name
        return file.read_text().splitlines() if file.exists() else []


@pytest.fixture
def machine(tmp_path: Path, root: Path) -> Machine:
    return Machine(tmp_path, root)


def test_a_second_call_installs_nothing(machine: Machine) -> None:
    assert machine.install("train,dev").returncode == 0
    done = machine.install("train,dev")
    assert (done.returncode, done.stdout) == (0, "")
    # What the tests need includes what a run needs, but not the reverse.
    assert machine.install("train").stdout == ""
    assert "== install" in machine.install("train,demo").stdout
    assert len(machine.lines("made")) == 1
    assert [line.split()[-1] for line in machine.lines("installed")] == [
        *(".[train,dev]", ".[train,demo]")
    ]


def test_changed_requirements_are_installed(machine: Machine) -> None:
    machine.install()
    with (machine.checkout / "constraints.txt").open("a") as stream:
        stream.write("six==1.17.0\n")
    assert "== install" in machine.install().stdout
    assert len(machine.lines("made")) == 1


def test_each_pinned_set_has_its_extra(machine: Machine) -> None:
    machine.install("train,dev", CONSTRAINTS="constraints-2026.txt")
    (line,) = machine.lines("installed")
    assert line.endswith("-c constraints-2026.txt -e .[train-2026,dev]")
    assert "== install" in machine.install("train,dev").stdout


def test_an_unknown_set_is_refused(machine: Machine) -> None:
    done = machine.install(CONSTRAINTS="../constraints.txt")
    assert done.returncode == 1
    assert "expected one of: constraints-2026.txt constraints.txt" in done.stderr


def test_an_old_python_is_named_with_the_cure(machine: Machine) -> None:
    done = machine.install(VERSION="3.10")
    assert done.returncode == 1
    assert "needs Python 3.11, 3.12 or 3.13. python3 is Python 3.10.7" in done.stderr
    assert "PYTHON=/path/to/python3.11" in done.stderr
    assert not (machine.checkout / ".venv").exists()


def test_an_interpreter_beside_an_old_one_is_found(machine: Machine) -> None:
    machine.play(machine.bin / "python3", "#!/bin/sh\nexit 1\n")
    machine.play(machine.bin / "python3.12")
    assert machine.install().returncode == 0


def test_an_interpreter_whose_path_has_spaces(machine: Machine, tmp_path: Path) -> None:
    assert machine.install(PYTHON=str(machine.play(tmp_path / "my python"))).returncode == 0


def test_another_python_is_another_environment(machine: Machine, tmp_path: Path) -> None:
    machine.install()
    newer = machine.play(tmp_path / "newer", INTERPRETER.replace(":-3.11", ":-3.12"))
    done = machine.install(PYTHON=str(newer))
    assert "has another Python); replacing it" in done.stdout
    assert len(machine.lines("made")) == 2
    assert machine.install(PYTHON=str(newer)).stdout == ""
    assert machine.install().stdout == ""


def test_without_venv_or_pip_there_is_a_cure_and_the_next_call_goes_on(machine: Machine) -> None:
    done = machine.install(VENV_SAYS="ensurepip is not available")
    assert done.returncode == 1
    assert "cannot create a virtual environment with pip: ensurepip is not" in done.stderr
    assert "apt-get install python3-venv" in done.stderr
    assert machine.install().returncode == 0


@pytest.mark.parametrize("heals", [True, False])
def test_an_environment_without_pip_heals(machine: Machine, heals: bool) -> None:
    machine.install()
    (machine.checkout / ".venv/bin/no_pip").touch()
    (machine.checkout / ".venv/.installed").unlink()
    assert machine.install(NO_ENSUREPIP="" if heals else "1").returncode == 0
    assert len(machine.lines("made")) == (1 if heals else 2)


@pytest.mark.parametrize(
    "broken",
    ["rm .venv/bin/python", "ln -sf nowhere .venv/bin/python", "touch .venv/.installing"],
)
def test_a_broken_environment_is_replaced(machine: Machine, broken: str) -> None:
    machine.install()
    subprocess.run(broken, shell=True, cwd=machine.checkout, check=True)
    done = machine.install()
    assert done.returncode == 0
    assert ".venv does not work here" in done.stdout
    assert machine.install().stdout == ""


@pytest.mark.parametrize("command", ["cp -r", "mv"])
def test_a_copied_or_moved_checkout_gets_its_own(machine: Machine, command: str) -> None:
    """Its console scripts would start the code of the other folder, or nothing."""
    machine.install()
    moved = machine.checkout.with_name("moved")
    subprocess.run([*command.split(), str(machine.checkout), str(moved)], check=True)
    machine.checkout = moved
    assert "replacing it" in machine.install().stdout
    assert machine.install().stdout == ""


@pytest.mark.parametrize(
    ("says", "cure", "made"),
    [
        (
            "WARNING: Retrying after connection broken by 'NewConnectionError'\n"
            "ERROR: No matching distribution found for hatchling",
            "The package index cannot be reached, so nothing was installed.",
            1,
        ),
        ("error: Failed to fetch: dns error", "The package index cannot be reached", 1),
        ("OSError: [Errno 28] No space left on device", "A disk is full", 2),
        ("ERROR: Killed", "The installation failed; the lines above say why", 2),
    ],
)
def test_a_failed_installation_says_what_to_do_and_the_next_goes_on(
    machine: Machine, says: str, cure: str, made: int
) -> None:
    done = machine.install(PIP_SAYS=says)
    assert done.returncode == 1
    assert cure in done.stderr
    assert says.splitlines()[-1] in done.stderr
    assert machine.install().returncode == 0
    # Without network nothing was begun; what stopped half way is not built upon.
    assert len(machine.lines("made")) == made


def test_a_full_disk_is_found_before_anything_is_installed(machine: Machine) -> None:
    machine.play(machine.bin / "df", "#!/bin/sh\necho\necho d 100 98 2097152 98% /\n")
    done = machine.install()
    assert done.returncode == 1
    assert "needs 9 GB" in done.stderr
    assert "has 2 GB left" in done.stderr
    assert not (machine.checkout / ".venv").exists()


def test_the_newer_set_without_ffmpeg_is_told_of_it(machine: Machine) -> None:
    done = machine.install(CONSTRAINTS="constraints-2026.txt", NO_FFMPEG="1")
    assert done.returncode == 1
    assert "apt-get install ffmpeg" in done.stderr
    assert machine.install(CONSTRAINTS="constraints-2026.txt").returncode == 0
    assert len(machine.lines("made")) == 1
