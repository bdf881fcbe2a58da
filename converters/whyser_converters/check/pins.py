"""Compares installed packages with the versions that a constraints file pins."""

from __future__ import annotations

import importlib.metadata
import re
from collections.abc import Iterator
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement

from whyser.io.errors import InputError
from whyser.io.files import read_lines
from whyser_converters.check.findings import CheckFault, Findings

#: Sets of packages that work together, the usual one first.
CONSTRAINTS = ("constraints.txt", "constraints-2026.txt")

#: What pip allows after a requirement: a comment, and options of its own such as --hash.
_AFTER = re.compile(r"(^|\s)(#|--).*")


def check_pins(yaml: Path, findings: Findings) -> None:
    """Warns of every installed package that the constraints pin to another version.

    The constraints files are searched in the folder of the YAML, in those above it, and in the
    working directory; without one nothing is checked. Of several files, the one that pins the
    installed torch is used, or else the first. A package that is not installed is not checked.

    Raises: `InputError` with file and line for a line that is not a requirement.
    """
    path = _set_of(_nearest(yaml))
    if path is None:
        return
    for number, pin in _pins(path):
        version = installed(pin.name)
        if version and not pin.specifier.contains(version, prereleases=True):
            what = f"{pin.name} {version} is installed, the pin is {pin.specifier}"
            cure = f"Run pip install -c {path} {pin.name}."
            fault = CheckFault("packages with other versions", what, cure, warns=True)
            findings.add(fault, path, number)


def _nearest(yaml: Path) -> list[Path]:
    """The constraints files of the first folder that has any."""
    for folder in (*yaml.absolute().parents, Path.cwd()):
        if found := [folder / name for name in CONSTRAINTS if (folder / name).is_file()]:
            return found
    return []


def _set_of(files: list[Path]) -> Path | None:
    torch = installed("torch")
    for path in files if torch else ():
        pins = (pin for _, pin in _pins(path) if pin.name == "torch")
        if any(pin.specifier.contains(torch or "", prereleases=True) for pin in pins):
            return path
    return next(iter(files), None)


def _pins(path: Path) -> Iterator[tuple[int, Requirement]]:
    """Requirements that apply on this machine, with their line numbers."""
    for number, line in read_lines(path):
        text = _AFTER.sub("", line.decode("utf-8", "replace")).rstrip("\\ \r\n").strip()
        if not text or text.startswith("-"):
            continue
        try:
            pin = Requirement(text)
        except InvalidRequirement:
            what, cure = f"{text!r} is not a requirement", "Write it like 'torch==2.8.0'."
            raise InputError(what, file=path, line=number, cure=cure) from None
        if pin.marker is None or pin.marker.evaluate():
            yield number, pin


def installed(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
