"""One JSON file that is one validated record."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from whyser.io.errors import InputError
from whyser.io.files import read_text

T = TypeVar("T")


def read_record(path: Path, form: TypeAdapter[T], *, cure: str) -> T:
    """The file as `form` has it.

    Raises: `InputError` for a missing or a broken file, with the first field that is not as it
    should be and the cure.
    """
    try:
        return form.validate_json(read_text(path))
    except ValidationError as error:
        fault: Any = error.errors(include_url=False)[0]
        place = ".".join(map(str, fault["loc"])) or "the file"
        # The name of an unknown field is whatever the file says.
        place = place if place.isprintable() else repr(place)
        raise InputError(f"{place}: {fault['msg']}", file=path, cure=cure) from None
