"""Installed packages against the versions that `constraints.txt` pins."""

from __future__ import annotations

import importlib.metadata
import re
from collections.abc import Iterator
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement

from whyser.errors import InputError
from whyser.files import read_lines
from whyser_converters.check.findings import Fault, Findings

CONSTRAINTS = "constraints.txt"

#: What pip allows after a requirement: a comment, and options of its own such as --hash.
_AFTER = re.compile(r"(^|\s)(#|--).*")


def check_pins(yaml: Path, findings: Findings) -> None:
    """Warns of every installed package that `constraints.txt` pins to another version.

    The file is looked for beside the YAML, in the folders above it, and in the working directory;
    without one nothing is checked. A package that is not installed is none of its business.

    Raises: `InputError` with file and line for what is no requirement.
    """
    folders = [*yaml.absolute().parents, Path.cwd()]
    path = next((one / CONSTRAINTS for one in folders if (one / CONSTRAINTS).is_file()), None)
    if path is None:
        return
    for number, pin in _pins(path):
        installed = _installed(pin.name)
        if installed and not pin.specifier.contains(installed, prereleases=True):
            what = f"{pin.name} {installed} is installed, the pin is {pin.specifier}"
            cure = f"Run pip install -c {path} {pin.name}."
            findings.add(Fault("packages of other versions", what, cure, warns=True), path, number)


def _pins(path: Path) -> Iterator[tuple[int, Requirement]]:
    """Requirements that hold on this machine, with their line numbers."""
    for number, line in read_lines(path):
        text = _AFTER.sub("", line.decode("utf-8", "replace")).rstrip("\\ \r\n").strip()
        if not text or text.startswith("-"):
            continue
        try:
            pin = Requirement(text)
        except InvalidRequirement:
            raise InputError(
                f"{text!r} is no requirement",
                file=path,
                line=number,
                cure="Write one as 'torch==2.8.0'.",
            ) from None
        if pin.marker is None or pin.marker.evaluate():
            yield number, pin


def _installed(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
