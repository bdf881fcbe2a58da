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
        self._root = os.path.abspath(root)  # noqa: PTH100, called for every name
        self._real = os.path.realpath(root)
        self._folders: dict[str, tuple[str, frozenset[str]]] = {}

    def names(self, name: str) -> bool:
        """Whether the name itself stays in the folder, wherever links lead."""
        return _lies_in(os.path.normpath(os.path.join(self._root, name)), self._root)  # noqa: PTH118

    def encloses(self, name: str) -> bool:
        """Whether the file of this name lies in the folder after all links are followed."""
        folder, file = os.path.split(os.path.join(self._root, name))  # noqa: PTH118
        if folder not in self._folders:
            real = os.path.realpath(folder)
            self._folders[folder] = real, _links(real)
        real, links = self._folders[folder]
        path = os.path.join(real, file)  # noqa: PTH118
        if file in links or file in {"", ".", ".."}:
            path = os.path.realpath(path)
        return _lies_in(path, self._real)


def _lies_in(path: str, folder: str) -> bool:
    return path.startswith(folder.rstrip(os.sep) + os.sep) and "\0" not in path


def _links(folder: str) -> frozenset[str]:
    """The names of the links in a folder; none if it cannot be listed."""
    try:
        with os.scandir(folder) as entries:
            return frozenset(entry.name for entry in entries if entry.is_symlink())
    except (OSError, ValueError):
        return frozenset()
