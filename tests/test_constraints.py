"""The two pinned sets, compared with the extras and the installed packages."""

from __future__ import annotations

import importlib.metadata
import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
EXTRAS = PROJECT["project"]["optional-dependencies"]

USUAL, NEW = "constraints.txt", "constraints-2026.txt"
#: Extras that one of the two cannot hold.
ONLY_IN = {"train": USUAL, "vllm": USUAL, "train-2026": NEW}
#: Torch pins them itself; setuptools depends on what else is installed.
LEFT_OUT = re.compile(r"nvidia-|cuda-|triton$|setuptools$|whyser$")


def pins(file: str) -> dict[str, str]:
    lines = (ROOT / file).read_text(encoding="utf-8").splitlines()
    found = {}
    for line in (line for line in lines if not line.startswith("#")):
        name, version = line.split("==")
        assert canonicalize_name(name) not in found, line
        found[canonicalize_name(name)] = version
    return found


@pytest.mark.parametrize(
    ("extra", "file"),
    [
        (extra, file)
        for extra in ("", *EXTRAS)
        for file in (USUAL, NEW)
        if ONLY_IN.get(extra, file) == file
    ],
)
def test_each_extra_takes_what_the_set_pins(extra: str, file: str) -> None:
    texts = EXTRAS[extra] if extra else PROJECT["project"]["dependencies"]
    pinned = pins(file)
    for one in map(Requirement, texts):
        if one.name != "whyser":
            assert one.specifier.contains(pinned[canonicalize_name(one.name)]), one


def test_the_sets_differ_where_they_must() -> None:
    usual, new = pins(USUAL), pins(NEW)
    differs = {name for name in usual.keys() | new.keys() if usual.get(name) != new.get(name)}
    assert differs == {
        *("torch", "torchaudio", "torchcodec", "torchvision", "setuptools", "vllm"),
        *("transformers", "huggingface-hub"),
    }


def test_all_that_the_extras_bring_is_pinned() -> None:
    """Whatever of it is installed; what is not cannot be looked into."""
    here = importlib.metadata.version("torch") if _is_installed("torch") else pins(USUAL)["torch"]
    file = NEW if Requirement(f"torch=={pins(NEW)['torch']}").specifier.contains(here) else USUAL
    seen: set[tuple[str, str]] = set()
    # vllm pins most of what it brings itself.
    extras = [extra for extra in EXTRAS if extra != "vllm" and ONLY_IN.get(extra, file) == file]
    waiting = [("whyser", extra) for extra in ("", *extras)]
    while waiting:
        name, extra = waiting.pop()
        if (name, extra) in seen or not _is_installed(name):
            continue
        seen.add((name, extra))
        for one in map(Requirement, importlib.metadata.requires(name) or ()):
            if one.marker is None or one.marker.evaluate({"extra": extra}):
                waiting += [(canonicalize_name(one.name), more) for more in ("", *one.extras)]
    names = {name for name, _ in seen if not LEFT_OUT.match(name)}
    assert names - pins(file).keys() == set()


def _is_installed(name: str) -> bool:
    try:
        importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True
