from __future__ import annotations

import importlib.metadata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from whyser.io.errors import InputError
from whyser_converters.check.findings import Findings
from whyser_converters.check.pins import check_pins

INSTALLED = {"torch": "2.8.0+cpu", "numpy": "2.2.6", "fastapi": "0.1.0rc1"}


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    real = importlib.metadata.version

    def version(name: str) -> str:
        # Libraries that a command imports ask for their own packages.
        return INSTALLED[name] if name in INSTALLED else real(name)

    monkeypatch.setattr(importlib.metadata, "version", version)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")


def warnings(yaml: Path) -> list[str]:
    findings = Findings("x.yaml")
    check_pins(yaml, findings)
    assert findings.problems == []
    return findings.warnings


def test_a_package_of_another_version_is_warned_of(tmp_path: Path) -> None:
    path = tmp_path / "constraints.txt"
    path.write_text("# ours\ntorch==2.8.0\n\nnumpy==2.3.0\nabsent==1.0\n", encoding="utf-8")
    assert warnings(tmp_path / "x.yaml") == [
        f"{path}:4: numpy 2.2.6 is installed, the pin is ==2.3.0. Run pip install -c {path} numpy."
    ]


@pytest.mark.parametrize(
    ("line", "differs"),
    [
        ("torch==2.8.0", False),  # a local version satisfies the public one
        ("torch==2.8.0+cu128", True),
        ("torch[opt]>=2.9  # a comment", True),
        ("numpy==1.0; python_version < '3'", False),
        ("numpy==1.0; python_version >= '3'", True),
        ("numpy==1.0 --hash=sha256:00 \\", True),
        ("fastapi<1", False),  # a pre-release that is installed counts
        ("numpy", False),
        ("numpy @ https://example.org/numpy.whl", False),
        ("--only-binary numpy==1.0", False),
        ("-c others.txt", False),
    ],
)
def test_pins_are_read_as_pip_reads_them(tmp_path: Path, line: str, differs: bool) -> None:
    (tmp_path / "constraints.txt").write_text(line + "\n", encoding="utf-8")
    assert bool(warnings(tmp_path / "x.yaml")) == differs


def test_what_is_no_requirement_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "constraints.txt"
    path.write_text("numpy==2.2.6\ntorch=2.8.0\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"'torch=2\.8\.0' is not a requirement") as caught:
        check_pins(tmp_path / "x.yaml", Findings("x.yaml"))
    assert str(caught.value).startswith(f"{path}:2: ")


@pytest.mark.parametrize("place", [".", "configs", "elsewhere"])
def test_the_nearest_constraints_hold(tmp_path: Path, place: str) -> None:
    """Beside the YAML, in a folder above it, in the working directory."""
    (tmp_path / "configs").mkdir()
    (tmp_path / place / "constraints.txt").write_text("numpy==1.0\n", encoding="utf-8")
    assert len(warnings(tmp_path / "configs" / "x.yaml")) == 1
    (tmp_path / "configs" / "constraints.txt").write_text("numpy==2.2.6\n", encoding="utf-8")
    assert warnings(tmp_path / "configs" / "x.yaml") == []


@pytest.mark.parametrize(
    ("torch", "expected"),
    [
        ("2.8.0+cpu", "constraints.txt:2"),
        ("2.11.0+cu130", "constraints-2026.txt:2"),
        ("2.9.1", "constraints.txt:1"),  # neither: the usual set is what is asked for
        (None, "constraints.txt:2"),
    ],
)
def test_the_set_whose_torch_is_installed_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, torch: str | None, expected: str
) -> None:
    if torch is None:
        monkeypatch.delitem(INSTALLED, "torch")
    else:
        monkeypatch.setitem(INSTALLED, "torch", torch)
    (tmp_path / "constraints.txt").write_text("torch==2.8.0\nnumpy==1.0\n", encoding="utf-8")
    path = tmp_path / "constraints-2026.txt"
    path.write_text("torch==2.11.0\nnumpy==3.0\n", encoding="utf-8")
    assert warnings(tmp_path / "x.yaml")[0].startswith(str(tmp_path / f"{expected}: "))


def test_one_set_is_enough(tmp_path: Path) -> None:
    (tmp_path / "constraints-2026.txt").write_text("numpy==3.0\n", encoding="utf-8")
    assert len(warnings(tmp_path / "x.yaml")) == 1


def test_the_command_warns_and_ends_with_status_0(
    convert: Callable[..., Any],
    dataset: Callable[..., Path],
    row: Callable[..., Any],
    tmp_path: Path,
) -> None:
    table = dataset([row()])
    (tmp_path / "constraints.txt").write_text("numpy==1.0\n", encoding="utf-8")
    path = tmp_path / "x.yaml"
    path.write_text("dataset: d\n", encoding="utf-8")
    outcome = convert("check", path, "--dataset-dir", tmp_path)
    assert outcome.status == 0
    assert "warning: " in outcome.err
    assert "constraints.txt:1: numpy 2.2.6 is installed, the pin is ==1.0" in outcome.err
    # Only a YAML is about to be run.
    assert "numpy" not in convert("check", table).err


def test_a_broken_constraints_file_ends_with_status_1_and_hides_no_row(
    convert: Callable[..., Any],
    dataset: Callable[..., Path],
    row: Callable[..., Any],
    tmp_path: Path,
) -> None:
    dataset([row("What?")])
    (tmp_path / "constraints.txt").write_text("numpy==\n", encoding="utf-8")
    path = tmp_path / "x.yaml"
    path.write_text("dataset: d\n", encoding="utf-8")
    outcome = convert("check", path, "--dataset-dir", tmp_path)
    assert outcome.status == 1
    assert "constraints.txt:1: 'numpy==' is not a requirement" in outcome.err
    assert "row 0: 0 <audio>" in outcome.err
