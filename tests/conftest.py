"""Fixtures for all tests, such as the demo's corpora, which are written once per session."""

from __future__ import annotations

import fcntl
import importlib.util
import os
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

# Two workers on two cores: threads of one would wait for those of the other. torch reads this when
# it is imported.
for name in ("OMP_NUM_THREADS", "TORCHINDUCTOR_COMPILE_THREADS"):
    os.environ.setdefault(name, "1")

ENVIRONMENT = os.environ

ROOT = Path(__file__).resolve().parent.parent
SHARED_DATA = ROOT.parent / "shared" / "data"

#: Programs that tests start, which import what only their own environment has. pytest imports every
#: file that it looks for doctests in.
collect_ignore_glob = ["servers/paths/*"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks tests that open a browser as slow, and puts the longest tests first, so that no worker
    waits for the other at the end."""
    for item in items:
        if "chromium" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.slow)
    longest = {"tests/servers": 0, "tests/run": 1}

    def place(item: pytest.Item) -> tuple[bool, int]:
        folder = item.path.parent.relative_to(ROOT).as_posix()
        return item.get_closest_marker("slow") is None, longest.get(folder, 2)

    items.sort(key=place)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Gives each file to one worker, and all tests of servers to one worker, so that one worker
    makes what is made per session or module. xdist's own groups do nothing under pytest 9.2."""
    from xdist.scheduler import LoadFileScheduling

    class Scheduling(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file: str = super()._split_scope(nodeid)
            return "tests/servers" if file.startswith("tests/servers/") else file

    return Scheduling(config, log)


@pytest.fixture(autouse=True)
def _one_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """`datasets` leaves a copy in the place of `os.environ` after a map with several processes.
    What holds the first one, as rich does, would not see what a later test sets."""
    monkeypatch.setattr(os, "environ", ENVIRONMENT)


@pytest.fixture(scope="session")
def root() -> Path:
    """The root of the repository, for shipped files outside the packages."""
    return ROOT


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of licensed corpora next to the checkout; skips the test if there is none."""
    if not SHARED_DATA.is_dir():
        pytest.skip("the licensed corpora do not lie beside this checkout")
    return SHARED_DATA


@pytest.fixture(scope="session")
def lacks() -> Callable[[str], None]:
    """Skips the test for the given reason, or fails it if CI requires every test to run."""
    return pytest.fail if os.environ.get("WHYSER_REQUIRE_ALL") else pytest.skip


@pytest.fixture(scope="session")
def needs(lacks: Callable[[str], None]) -> Callable[[str, str], None]:
    """Skips the test if a package is missing, as `lacks` does."""

    def call(package: str, cure: str) -> None:
        if importlib.util.find_spec(package) is None:
            lacks(f"{package} is not installed: {cure}")

    return call


@pytest.fixture(scope="session")
def native_corpora(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The five miniature corpora at a small scale, which all workers share and only read."""
    from whyser.demo.corpora import write_corpora

    base = tmp_path_factory.getbasetemp()
    # A worker of pytest-xdist has a folder of its own in the session's.
    folder = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    directory = folder / "native_corpora"
    with (folder / "native_corpora.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not directory.exists():
            write_corpora(directory, seed=0, scale=0.03)
    return directory


@pytest.fixture
def set_before(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], set[str]]:
    """`set_before(last)` gives the files that were replaced while there was no file `last`, which
    was written once; no other file but sound was replaced before."""
    done: list[str] = []
    replace, unlink = Path.replace, Path.unlink

    def replacing(path: Path, target: Path) -> Path:
        done.append(target.name)
        return replace(path, target)

    def unlinking(path: Path, missing_ok: bool = False) -> None:
        done.append(f"-{path.name}")
        unlink(path, missing_ok)

    monkeypatch.setattr(Path, "replace", replacing)
    monkeypatch.setattr(Path, "unlink", unlinking)

    def call(last: str) -> set[str]:
        names = [one for one in done if not (one.startswith((".", "-.")) or one.endswith(".wav"))]
        removed, written = names.index(f"-{last}"), names.index(last)
        assert names.count(last) == 1 and all(one[0] == "-" for one in names[:removed])
        return set(names[removed + 1 : written])

    return call


#: What turns a YAML for a GPU and hours into one for two cores and seconds, and nothing else.
SMALL = (
    *("model_name_or_path=model", "use_cpu=true", "bf16=false", "max_steps=2", "logging_steps=1"),
    *("preprocessing_num_workers=1", "dataloader_num_workers=0", "plot_loss=false"),
)


@pytest.fixture(scope="session")
def small() -> tuple[str, ...]:
    return SMALL


@pytest.fixture(scope="session")
def manual() -> Callable[[Path], dict[str, list[tuple[dict[str, str], list[str]]]]]:
    """The commands under each keyword of a YAML's header: environment settings and words."""

    def call(path: Path) -> dict[str, list[tuple[dict[str, str], list[str]]]]:
        found: dict[str, list[tuple[dict[str, str], list[str]]]] = {}
        header = path.read_text(encoding="utf-8").split("### ")[0]
        for line in header.replace("\\\n#", "").splitlines():
            keyword, _, rest = line.removeprefix("# ").partition("  ")
            if "llamafactory-cli " in rest:
                words = shlex.split(rest)
                settings = [word for word in words if re.match(r"[A-Z_]+=", word)]
                given = dict(setting.split("=", 1) for setting in settings)
                found.setdefault(keyword, []).append((given, words[len(settings) :]))
        return found

    return call
