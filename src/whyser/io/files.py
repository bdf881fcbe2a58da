"""Reading and writing whole files: atomic on the way out, named by line on the way in."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, overload

from whyser.io.errors import InputError

if TYPE_CHECKING:
    from pydantic import TypeAdapter

T = TypeVar("T")


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """A temporary path beside `path`, renamed onto it when the block ends well.

    The temporary name keeps the suffix, since audio writers choose their format by it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.stem}.", suffix=path.suffix, dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        # mkstemp makes private files; results are meant to be read by the whole lab.
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def read_text(path: Path) -> str:
    """The file as UTF-8 (a byte-order mark is dropped); `InputError` when it is missing."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise InputError("no such file", file=path, cure="Check the path.") from None
    except IsADirectoryError:
        raise InputError("is a folder, expected a file", file=path) from None
    except UnicodeDecodeError as error:
        raise InputError(
            f"not UTF-8 text ({error.reason} at byte {error.start})",
            file=path,
            cure="Save it as UTF-8.",
        ) from None


def write_text(path: Path, text: str) -> None:
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def read_json(path: Path) -> Any:
    try:
        return json.loads(read_text(path))
    except json.JSONDecodeError as error:
        raise InputError(
            f"not valid JSON ({error.msg})",
            file=path,
            line=error.lineno,
            cure="The file may be cut short; write it again.",
        ) from None


def read_record(path: Path, form: TypeAdapter[T], *, cure: str) -> T:
    """A JSON file that is one record, validated as `form` says.

    Raises: `InputError` for a missing or a broken file, with the first field that is wrong and the
    cure.
    """
    from pydantic import ValidationError

    try:
        return form.validate_json(read_text(path))
    except ValidationError as error:
        fault: Any = error.errors(include_url=False)[0]
        place = ".".join(map(str, fault["loc"])) or "the file"
        # The name of an unknown field is whatever the file says.
        place = place if place.isprintable() else repr(place)
        raise InputError(f"{place}: {fault['msg']}", file=path, cure=cure) from None


def write_json(path: Path, value: Any) -> None:
    write_text(path, json.dumps(value, ensure_ascii=False, indent=2) + "\n")


def read_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Non-empty lines with their numbers, streamed."""
    try:
        with path.open("rb") as stream:
            for number, line in enumerate(stream, start=1):
                if line.strip():
                    yield number, line
    except FileNotFoundError:
        raise InputError("no such file", file=path, cure="Check the path.") from None
    except IsADirectoryError:
        raise InputError("is a folder, expected a JSON Lines file", file=path) from None


def broken_line(reason: str) -> InputError:
    """The error for a line that is no JSON object: most often the file was cut short."""
    return InputError(
        f"not a valid JSON line ({reason})",
        cure="The file may be cut short; run the step that writes it again.",
    )


def _object(line: bytes) -> dict[str, Any]:
    value = json.loads(line)
    if not isinstance(value, dict):
        raise ValueError("expected an object")
    return value


def _no_object(error: BaseException) -> InputError:
    return broken_line(str(error))


@overload
def read_jsonl(path: Path) -> Iterator[tuple[int, dict[str, Any]]]: ...
@overload
def read_jsonl(
    path: Path, loads: Callable[[bytes], T], explain: Callable[[Any], InputError]
) -> Iterator[tuple[int, T]]: ...
def read_jsonl(
    path: Path,
    loads: Callable[[bytes], Any] = _object,
    explain: Callable[[Any], InputError] = _no_object,
) -> Iterator[tuple[int, Any]]:
    """What `loads` makes of each line of a JSON Lines file, with the line's number, streamed.

    Args:
        loads: Makes a value of a line, or raises a `ValueError`; objects by default.
        explain: The error that a user sees for that `ValueError`; its place is filled in here.

    Raises: `InputError` with file and line for a line that `loads` refuses.
    """
    # Loaded when it is needed: a help text is wanted at once.
    from jsonlines import InvalidLineError, Reader

    number = 0

    def texts() -> Iterator[str]:
        nonlocal number
        for place, line in read_lines(path):
            number = place
            # The reader would drop a byte-order mark and decode a line; so `loads` gets its bytes.
            yield line.decode("latin-1")

    def parsed(text: str | bytes) -> Any:
        return loads(text.encode("latin-1") if isinstance(text, str) else text)

    reader = Reader(texts(), loads=parsed)
    while True:
        try:
            value: Any = reader.read(allow_none=True)
        except EOFError:
            return
        except InvalidLineError as error:
            raise explain(error.__cause__).at(path, number) from None
        yield number, value


def write_jsonl(path: Path, rows: Iterable[dict[str, Any] | str]) -> int:
    """Rows, one a line (a `str` is taken as already serialised); returns how many."""
    from jsonlines import Writer

    count = 0
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8") as stream:
        writer = Writer(stream, dumps=_serialised)
        for count, row in enumerate(rows, start=1):  # noqa: B007
            writer.write(row)
    return count


def _serialised(row: dict[str, Any] | str) -> str:
    return row if isinstance(row, str) else json.dumps(row, ensure_ascii=False)


def short_hash(text: str) -> str:
    """The first eight hexadecimal digits of the text's SHA-256, as signatures print it.

    >>> short_hash("")
    'e3b0c442'
    """
    return hashlib.sha256(text.encode()).hexdigest()[:8]
