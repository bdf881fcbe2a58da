"""Finds the sound files that a table names, however their paths are written."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from whyser.io.errors import InputError

#: What a name without an ending may end in.
_ENDINGS = (".wav", ".flac", ".mp3", ".ogg")
_DRIVE = re.compile(r"^[A-Za-z]:(?=/)")


@dataclass(frozen=True)
class SoundPaths:
    """How the names in a table become paths below the root of all sound.

    `left_out` is the beginning that only its author's machine has, `folder` is put before what is
    left, and `ending` behind it. `is_found` says whether the first file is there.
    """

    root: Path
    folder: str = ""
    left_out: str = ""
    ending: str = ""
    is_found: bool = True

    def path(self, name: str) -> str:
        """The path below the root.

        Raises: `InputError` for an absolute path that is not below it.
        """
        plain = _plain(name)
        if self.left_out and plain.startswith(self.left_out):
            plain = plain.removeprefix(self.left_out)
        if not os.path.isabs(plain):  # noqa: PTH117, for every clip
            return self.folder + plain + self.ending
        relative = os.path.relpath(plain, self.root.absolute())
        if relative.startswith(".."):
            raise InputError(
                f"its sound file {name!r} is not below {str(self.root)!r}",
                cure="Give --audio-root with the folder of all sound files.",
            )
        return relative

    def __str__(self) -> str:
        said = [f"below {self.root}"]
        said += [f"without {self.left_out!r} in the table"] if self.left_out else []
        said += [f"with {self.ending!r} behind the names"] if self.ending else []
        return ", ".join(said)


def find_paths(root: Path, table_folder: Path, name: str) -> SoundPaths:
    """The first way that leads from the name in a table to a file.

    Names begin at the root or at the folder of the table. Of a path of another machine the longest
    end that exists counts.
    """
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
                    return SoundPaths(root, folder, left_out, ending)
    return SoundPaths(root, list(folders)[-1], is_found=False)


def _plain(name: str) -> str:
    return _DRIVE.sub("", name.replace("\\", "/"))
