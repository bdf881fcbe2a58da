"""Fixtures for all rooms: the demo's corpora, written once a session in their native layouts."""

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

ROOT = Path(__file__).resolve().parent.parent
SHARED_DATA = ROOT.parent / "shared" / "data"

#: Programs that tests start, which import what only their own environment has. pytest imports every
#: file that it looks for doctests in.
collect_ignore_glob = ["servers/paths/*"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks whatever opens a browser as slow, and puts first what takes longest, so that at the end
    no worker waits for the other."""
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
    """Keeps a file with one worker, and all tests of servers with one, so that what is made once
    a session or a module is made by one worker. xdist's own groups do nothing under pytest 9.2."""
    from xdist.scheduler import LoadFileScheduling

    class Scheduling(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file: str = super()._split_scope(nodeid)
            return "tests/servers" if file.startswith("tests/servers/") else file

    return Scheduling(config, log)


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository's root, for the files that are shipped beside the packages."""
    return ROOT


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Licensed corpora beside the checkout; the test is skipped where they are not."""
    if not SHARED_DATA.is_dir():
        pytest.skip("the licensed corpora do not lie beside this checkout")
    return SHARED_DATA


@pytest.fixture(scope="session")
def lacks() -> Callable[[str], None]:
    """Skips for want of something, unless CI has said that for this nothing is skipped."""
    return pytest.fail if os.environ.get("WHYSER_REQUIRE_ALL") else pytest.skip


@pytest.fixture(scope="session")
def needs(lacks: Callable[[str], None]) -> Callable[[str, str], None]:
    """Skips without a package, as `lacks` does."""

    def call(package: str, cure: str) -> None:
        if importlib.util.find_spec(package) is None:
            lacks(f"{package} is not installed: {cure}")

    return call


@pytest.fixture(scope="session")
def native_corpora(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The five miniature corpora at a small scale, to be read: all workers share them."""
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
    """The commands of a YAML's header under each of its words: settings before it, its words."""

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
