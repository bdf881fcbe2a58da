"""The folder that raters get, and what lies beside it and never inside."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from whyser.io.errors import InputError
from whyser.io.files import atomic_path, write_json, write_text
from whyser_eval.explanations.pairs import Pair, write_pairs
from whyser_eval.explanations.study.material import Key, read_key
from whyser_eval.page.sound import Encoded

_PAGE, _AUDIO = "index.html", "audio"
_OURS = re.compile(r"\.?[0-9a-f]{16}\.\S+")


def clip_name(sound: Encoded) -> str:
    """The path of a clip in the folder, by its content: the source's name may tell the emotion."""
    return f"{_AUDIO}/{hashlib.sha256(sound.content).hexdigest()[:16]}{sound.suffix}"


@dataclass(frozen=True)
class Folder:
    """`path` is for raters; the key and the pairs of Test II lie beside it."""

    path: Path

    @property
    def key(self) -> Path:
        return self._beside("key.json")

    @property
    def pairs(self) -> Path:
        return self._beside("pairs.jsonl")

    @property
    def wanted(self) -> Path:
        return self._beside("wanted.txt")

    def _beside(self, suffix: str) -> Path:
        # `.` and `..` have no name of their own.
        path = self.path.resolve() if self.path.name in {"", ".."} else self.path
        return path.with_name(f"{path.name}.{suffix}")

    def holds(self, key: Key, *, force: bool) -> bool:
        """Whether the same study lies there already.

        Raises: `InputError` for other files, and, unless forced, for another study.
        """
        there = sorted(one.name for one in self.path.iterdir()) if self.path.is_dir() else []
        if self.path.is_file() or (other := [n for n in there if n not in (_PAGE, _AUDIO)]):
            what = f"holds {other[0]!r}, which no study has" if there else "is a file"
            raise InputError(what, file=self.path, cure="Give a folder of its own as --output.")
        if _PAGE not in there:
            return False
        if self.key.is_file() and _same(read_key(self.key), key):
            return True
        if not force:
            raise InputError(
                "holds another study, which raters may have begun",
                file=self.path,
                cure="Give another --output, or --force to write over it and its key.",
            )
        return False

    def write(
        self, page: str, sounds: Mapping[str, Encoded], key: Key, pairs: tuple[Pair, ...]
    ) -> None:
        """The page last: a folder without it was not written to its end.

        The same study keeps its key, which says when it was made.
        """
        is_same = self.holds(key, force=True)
        if not is_same:
            (self.path / _PAGE).unlink(missing_ok=True)
        for name, sound in sounds.items():
            with atomic_path(self.path / name) as temporary:
                temporary.write_bytes(sound.content)
        self._remove_others(set(sounds))
        if not is_same:
            write_json(self.key, key.model_dump(mode="json"))
        if pairs:
            write_pairs(self.pairs, pairs)
        else:
            self.pairs.unlink(missing_ok=True)
        write_text(self.path / _PAGE, page)

    def _remove_others(self, kept: set[str]) -> None:
        """Clips of a study that lay here, and what a killed run left."""
        for path in (self.path / _AUDIO).iterdir():
            if _OURS.fullmatch(path.name) and f"{_AUDIO}/{path.name}" not in kept:
                path.unlink()


def _same(one: Key, other: Key) -> bool:
    return one.model_dump(exclude={"provenance"}) == other.model_dump(exclude={"provenance"})
