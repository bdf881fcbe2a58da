"""Reads the times of a table."""

from __future__ import annotations

import re
from typing import Literal, TypeAlias

from whyser.io.errors import InputError

Unit: TypeAlias = Literal["seconds", "milliseconds"]
_A_UNIT = {"seconds": 1.0, "milliseconds": 0.001}

#: As pandas writes it, `0 days 00:00:01.5`, and as subtitles have it, `00:16:16,059`.
_CLOCK = re.compile(r"(?:(\d+) days?,? \+?)?(\d+):(\d\d):(\d\d(?:\.\d+)?)")


def seconds(text: str, what: str, unit: Unit = "seconds") -> float:
    """The seconds of a cell called `what`; the unit is that of a bare number.

    Raises: `InputError` for what is no time from 0 on.

    >>> seconds("0 days 00:01:00.500000", "start"), seconds("1500", "end", "milliseconds")
    (60.5, 1.5)
    >>> seconds("0,5", "start"), seconds("00:16:16,059", "start")
    (0.5, 976.059)
    """
    plain = text.replace(",", ".")
    if found := _CLOCK.fullmatch(plain):
        days, hours, minutes, rest = found.groups(default="0")
        return ((int(days) * 24 + int(hours)) * 60 + int(minutes)) * 60 + float(rest)
    try:
        number = float(plain) * _A_UNIT[unit]
    except ValueError:
        number = -1.0
    if not 0 <= number < float("inf"):
        cure = f"Expected {unit} from 0 on, or a time such as 00:01:02.5."
        raise InputError(f"bad {what} {text[:60]!r}", cure=cure)
    return number
