"""Output that is complete or absent: it is written to a temporary folder and renamed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from whyser.temporary import temporary_folder

MARKER = ".whyser-demo"
"""A file in every output that lists the other top-level names."""


class DemoError(Exception):
    """The demo cannot be written; the message says why and what to do."""


@contextmanager
def fresh_directory(directory: Path) -> Iterator[Path]:
    """Yield an empty folder that becomes `directory` when the block ends without an error.

    Raises:
        DemoError: `directory` holds something that was not written by this package.
    """
    target = directory.absolute()
    _refuse_foreign(target)
    with temporary_folder(target) as scratch:
        staging = scratch / "new"
        staging.mkdir()
        yield staging
        names = sorted(path.name for path in staging.iterdir())
        (staging / MARKER).write_text("\n".join(names) + "\n", encoding="utf-8")
        _refuse_foreign(target)
        if target.exists():
            target.replace(scratch / "old")
        staging.replace(target)


def _refuse_foreign(target: Path) -> None:
    if target.exists() and not target.is_dir():
        raise DemoError(f"{target} is a file; name a directory that does not exist yet.")
    present = {path.name for path in target.iterdir()} if target.exists() else set()
    if not present:
        return
    marker = target / MARKER
    if not marker.is_file():
        raise DemoError(
            f"{target} is not empty and was not written by whyser-demo. "
            "Choose another directory, or remove this one yourself."
        )
    ours = {MARKER, *marker.read_text(encoding="utf-8").splitlines()}
    if foreign := sorted(present - ours):
        raise DemoError(
            f"{target} contains {', '.join(foreign[:3])}, which whyser-demo did not write and "
            "would delete. Move it away, or choose another directory."
        )
