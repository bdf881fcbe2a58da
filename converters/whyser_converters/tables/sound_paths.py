"""Finds the sound files that a table names, however their paths are written."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from whyser.io.errors import InputError

#: What a name without an ending may end in.
_ENDINGS = (".wav", ".flac", ".mp3", ".ogg")
#: So many names are looked for: the first ones, and those that begin otherwise than them.
_TRIED = 20
_DRIVE = re.compile(r"^[A-Za-z]:(?=/)")


@dataclass(frozen=True)
class SoundPaths:
    """How the names in a table become paths below the root of all sound.

    `left_out` are beginnings that only other machines have, `folder` is put before what is left,
    and `ending` behind it. `is_found` says whether one of the first files is there.
    """

    root: Path
    folder: str = ""
    left_out: tuple[str, ...] = ()
    ending: str = ""
    is_found: bool = True

    def path(self, name: str) -> str:
        """The path below the root.

        Raises: `InputError` for an absolute path that is not below it.
        """
        plain = _plain(name)
        if plain.startswith(self.left_out):
            plain = next(plain.removeprefix(one) for one in self.left_out if plain.startswith(one))
        if not os.path.isabs(plain):  # noqa: PTH117, for every clip
            return self.folder + plain + self.ending
        relative = os.path.relpath(plain, self.root.absolute())
        if relative.startswith(".."):
            raise InputError(
                f"its sound file {name!r} is not below {str(self.root)!r}",
                cure="Give --audio-root with the folder of all sound files.",
            )
        return relative

    def leads(self, name: str) -> bool:
        """Whether a name leads to a path below the root; the file may be missing."""
        try:
            self.path(name)
        except InputError:
            return False
        return True

    def __str__(self) -> str:
        said = [f"below {self.root}"]
        left_out = " or ".join(map(repr, self.left_out))
        said += [f"without {left_out} in the table"] if left_out else []
        said += [f"with {self.ending!r} behind the names"] if self.ending else []
        return ", ".join(said)


def find_paths(root: Path, table_folder: Path, names: Iterable[str]) -> SoundPaths:
    """How the first names lead to a file, and which beginnings of others are left out.

    Names begin at the root or at the folder of the table. Of a path of another machine the longest
    end that exists counts.
    """
    names = filter(None, names)
    first = _found(root, table_folder, next(names, ""))
    others = (_found(root, table_folder, name) for name in islice(names, _TRIED))
    paths = first if first.is_found else next((one for one in others if one.is_found), first)
    for _ in range(_TRIED):
        # What begins otherwise is of a second machine, as where two people's tables were joined.
        name = next((one for one in names if not paths.leads(one)), None)
        if name is None:
            break
        more = _found(root, table_folder, name)
        if more.is_found and (more.folder, more.ending) == (paths.folder, paths.ending):
            paths = replace(paths, left_out=(*paths.left_out, *more.left_out))
    return paths


def _found(root: Path, table_folder: Path, name: str) -> SoundPaths:
    """The first way that leads from one name in a table to a file."""
    own = os.path.relpath(table_folder, root)
    folders = dict.fromkeys(["", "" if own == "." or own.startswith("..") else f"{own}/"])
    plain = _plain(name)
    if os.path.isabs(plain) and Path(plain).is_relative_to(root.absolute()):  # noqa: PTH117
        return SoundPaths(root, is_found=Path(plain).is_file())
    parts = plain.split("/")
    for start in range(len(parts)):
        end = "/".join(parts[start:])
        left_out = plain.removesuffix(end)
        for folder in folders:
            for ending in ("", *_ENDINGS):
                if end and (root / (folder + end + ending)).is_file():
                    return SoundPaths(root, folder, (left_out,) if left_out else (), ending)
    return SoundPaths(root, list(folders)[-1], is_found=False)


def _plain(name: str) -> str:
    return _DRIVE.sub("", name.replace("\\", "/"))
