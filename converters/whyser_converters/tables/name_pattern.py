"""Reads the parts of a name or a path by a pattern, such as `{speaker}/{label}_*.wav`."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from whyser.io.errors import InputError

#: A field with its width, a star, literal text, or a brace that belongs to nothing.
_PART = re.compile(r"\{(\w+)(?::(\d+))?\}|(\*+)|([^{}*]+)|([{}])")


class NamePattern:
    """A pattern and its `fields`.

    A field in braces stands for the shortest text without a slash that fits, or with a width,
    `{label:1}`, for so many characters; `*` is any text without a slash, and `**` any text. A
    pattern without a slash is about the last part of a path. Of two readings the one counts whose
    fields hold none of the marks between them; nobody decides between two such readings.

    >>> NamePattern("{speaker:2}{text:3}{label:1}*").parts("wav/03a01Wa.wav")["label"]
    'W'
    >>> NamePattern("*_{label}.wav").parts("OAF_back_fear.wav")
    {'label': 'fear'}
    """

    def __init__(self, pattern: str, *, reserved: Collection[str] = ()) -> None:
        """Raises: `InputError` for a bad field, and for two without a mark between them."""
        self.pattern = pattern
        self.fields: list[str] = []
        self._marks: dict[str, set[str]] = {}
        parts = self._checked(reserved)
        # Copies that have been on a memory card have .WAV.
        flags = re.IGNORECASE | re.DOTALL
        self._short, self._long = (
            re.compile("".join(part.replace("STAR", star) for part in parts), flags)
            for star in ("*?", "*")
        )

    def fits(self, text: str) -> bool:
        return self._short.fullmatch(text) is not None

    def parts(self, text: str) -> Mapping[str, str]:
        """Field -> its text.

        Raises: `InputError` for a text that does not fit, and for one that fits in two ways.
        """
        short, long = self._short.fullmatch(text), self._long.fullmatch(text)
        if short is None or long is None:
            raise InputError(f"{text[:200]!r} has not the form {self.pattern!r}")
        readings = [match.groupdict() for match in (short, long)]
        if readings[0] != readings[1]:
            readings = [one for one in readings if not self._holds_marks(one)]
        if len(readings) == 1 or (readings and readings[0] == readings[1]):
            return readings[0]
        differ = [field for field in self.fields if short[field] != long[field]]
        said = " and ".join(
            f"{field} is {short[field]!r} or {long[field]!r}" for field in differ[:3]
        )
        raise InputError(
            f"{text[:200]!r} has the form {self.pattern!r} in two ways: {said}",
            cure="Write a field or a star for each part of the name.",
        )

    def _holds_marks(self, reading: Mapping[str, str]) -> bool:
        return any(mark in reading[field] for field in self.fields for mark in self._marks[field])

    def _checked(self, reserved: Collection[str]) -> list[str]:
        """The parts of the expression, `STAR` for the sign of repetition behind a star."""
        parts, is_open, last = [], False, ""
        if "/" not in self.pattern and "**" not in self.pattern:
            parts.append("(?:.*/)?")
        found = _PART.findall(self.pattern)
        for number, (field, width, star, literal, stray) in enumerate(found):
            if stray or (field and (field[0].isdigit() or field in reserved)):
                what = f"bad pattern {self.pattern!r}: {stray or field!r}"
                raise InputError(what, cure="Write fields as in {speaker}/{label}_*.wav.")
            if is_open and not (literal or width):
                what = f"bad pattern {self.pattern!r}: nothing shows where the field before "
                what += f"{field or star!r} ends"
                cure = "Put a mark between them, or give the width, as in {speaker:2}{label}."
                raise InputError(what, cure=cure)
            is_open = bool(field) and not width
            if star:
                parts.append(".STAR" if len(star) > 1 else "[^/]STAR")
            elif literal:
                parts.append(re.escape(literal).replace("STAR", "[S]TAR"))
            elif field in self.fields:
                parts.append(f"(?P={field})")
            else:
                self.fields.append(field)
                text = f"{{{width}}}" if width else "+?"
                parts.append(f"(?P<{field}>[^/]{text})")
                after = found[number + 1][3][:1] if number + 1 < len(found) else ""
                self._marks[field] = {mark for mark in (last, after) if _is_mark(mark)}
            last = literal[-1:]
        return parts


def _is_mark(text: str) -> bool:
    return bool(text) and not text.isalnum()
