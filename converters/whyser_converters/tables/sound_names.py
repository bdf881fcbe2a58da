"""Finds sound files by their names alone, in whatever folder below the root they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from whyser.io.errors import InputError
from whyser_converters.tables.name_tables import sounds_in
from whyser_converters.tables.sound_paths import SoundPaths, find_paths


@dataclass(frozen=True)
class SoundNames(SoundPaths):
    """The sound files below the root: name -> paths, and name without its ending -> paths."""

    places: Mapping[str, list[str]] = field(default_factory=dict, compare=False)

    def path(self, name: str) -> str:
        """The path below the root.

        Raises: `InputError` for a name that no file has, or several.
        """
        own = _last_part(name)
        found = self.places.get(own, [])
        if len(found) == 1:
            return found[0]
        if found:
            what = f"{len(found)} sound files below {str(self.root)!r} are called {own!r}: "
            cure = "Give the folder too, as in --map 'audio={speaker}/{file}'."
            raise InputError(what + ", ".join(found[:3]), cure=cure)
        cure = "Give --audio-root with the folder of all sound files."
        raise InputError(f"no sound file below {str(self.root)!r} is called {own!r}", cure=cure)

    def __str__(self) -> str:
        return f"below {self.root}, by the names of the files in whatever folder"


def way_to_sounds(root: Path, table_folder: Path, names: Sequence[str]) -> SoundPaths:
    """As `find_paths`; where that leads to no file, by the names of the files."""
    found = find_paths(root, table_folder, names)
    if found.is_found or not root.is_dir():
        return found
    places: dict[str, list[str]] = {}
    for path in sounds_in(root):
        own = _last_part(path)
        places.setdefault(own, []).append(path)
        places.setdefault(PurePosixPath(own).stem, []).append(path)
    is_there = any(_last_part(name) in places for name in names)
    return SoundNames(root, places=places) if is_there else found


def _last_part(name: str) -> str:
    """The name of a file without its folder, also of one on Windows."""
    return name.replace("\\", "/").rpartition("/")[2]
