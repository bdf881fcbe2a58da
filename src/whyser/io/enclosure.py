"""A folder whose files a stranger's list may name, and nothing outside it."""

from __future__ import annotations

import os
from pathlib import Path


class Enclosure:
    """Tells names that stay in a folder from those that lead out of it, also by a link.

    The folder itself may be a link. A list has hundreds of thousands of names in few folders, so
    each folder is resolved and searched for links only once.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._root = str(root.absolute())
        self._real = os.path.realpath(root)
        self._folders: dict[str, tuple[str, bool, frozenset[str]]] = {}

    def names(self, name: str) -> bool:
        """Whether the name itself stays in the folder, wherever links lead."""
        path = os.path.normpath(os.path.join(self._root, name))  # noqa: PTH118, for every clip
        return "\0" not in name and _lies_in(path, os.path.normpath(self._root))

    def encloses(self, name: str) -> bool:
        """Whether the file of this name lies in the folder after all links are followed."""
        if "\0" in name:
            return False
        file = name.rpartition("/")[2]
        folder = name.removesuffix(file)
        if folder not in self._folders:
            real = os.path.realpath(os.path.join(self._root, folder))  # noqa: PTH118, as above
            within = real == self._real or _lies_in(real, self._real)
            self._folders[folder] = real, within, _links(real)
        real, within, links = self._folders[folder]
        if file in links or file in {"", ".", ".."}:
            return _lies_in(os.path.realpath(f"{real}/{file}"), self._real)
        return within


def _lies_in(path: str, folder: str) -> bool:
    return path.startswith(folder.rstrip(os.sep) + os.sep)


def _links(folder: str) -> frozenset[str]:
    """The names of the links in a folder; none if it cannot be listed."""
    try:
        with os.scandir(folder) as entries:
            return frozenset(entry.name for entry in entries if entry.is_symlink())
    except (OSError, ValueError):
        return frozenset()
