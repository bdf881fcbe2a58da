"""Read files with errors that name the line, and write files atomically."""

from __future__ import annotations

import errno
import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, overload

from whyser.io.errors import InputError
from whyser.io.text import BOUND_CURE, JsonBound, decoded, encoding_of, line_fault, parse_json
from whyser.temporary import clear, names_when_full, removed_at_the_end, temporary_name

if TYPE_CHECKING:
    from pydantic import TypeAdapter

T = TypeVar("T")


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yields a temporary path in the same folder, which replaces `path` if the block succeeds.

    The temporary name has the same suffix, because audio writers choose their format by it. It is
    cleared by a later command if this process is killed. Errors name `path`, also of a full disk.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    clear(path.parent)
    temporary = path.with_name(temporary_name(path.stem, path.suffix))
    try:
        with names_when_full(path), removed_at_the_end(temporary):
            # The kernel gives it the mode of any new file; some file systems refuse chmod.
            os.close(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
            yield temporary
            temporary.replace(path)
    except OSError as error:
        if str(error.filename) != str(temporary):
            raise
        raise OSError(error.errno, error.strerror, str(path)) from None


@contextmanager
def atomic_set(last: Path) -> Iterator[Callable[[Path], Path]]:
    """Yields a function from a file's path to a temporary one; if the block succeeds, all replace.

    The files belong together. `last` is the one that readers ask for: an earlier one is removed
    before the first file is replaced, and the new one comes last. So where it is, the set is whole.

    Raises: as `atomic_path`; then all files are as before, or `last` is missing.
    """
    with ExitStack() as files:
        made = {last: files.enter_context(atomic_path(last))}

        def temporary(path: Path) -> Path:
            if path not in made:
                made[path] = files.enter_context(atomic_path(path))
            return made[path]

        yield temporary
        last.unlink(missing_ok=True)


def set_time(path: Path, changed: int) -> None:
    """Sets the time of the last change in nanoseconds, where the file system lets anybody."""
    with suppress(OSError):
        os.utime(path, ns=(changed, changed))


def sync(file: int) -> None:
    """Brings what was written to the disk, where the file system can.

    Raises: `OSError` if the disk fails or is full.
    """
    try:
        os.fsync(file)
    except OSError as error:
        if error.errno not in {errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP}:
            raise


def read_text(path: Path) -> str:
    """The text of a file in UTF-8 or UTF-16, without its byte-order mark.

    Raises: `InputError` for a missing file, and with the line for another encoding.
    """
    with _explained(path, "a file"):
        return decoded(path.read_bytes(), path)


@contextmanager
def _explained(path: Path, expected: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise InputError("no such file", file=path, cure="Check the path.") from None
    except IsADirectoryError:
        raise InputError(f"is a folder, expected {expected}", file=path) from None


def write_text(path: Path, text: str) -> None:
    with atomic_path(path) as temporary:
        # Half a character, as in a file name that is not UTF-8, becomes an escape.
        temporary.write_text(text, encoding="utf-8", errors="backslashreplace")


def read_json(path: Path) -> Any:
    return _parsed(read_text(path), path)


def _parsed(text: str, path: Path) -> Any:
    try:
        return parse_json(text)
    except json.JSONDecodeError as error:
        cut = "The file may be cut short; write it again."
        raise InputError(
            f"not valid JSON ({error.msg})",
            file=path,
            line=error.lineno,
            cure=BOUND_CURE if isinstance(error, JsonBound) else cut,
        ) from None


def read_rows(path: Path) -> list[Any]:
    """The values of a file that is a JSON list or JSON lines, whatever its name.

    Raises: `InputError` for a missing or broken file, with the line.
    """
    text = read_text(path)
    if text.lstrip()[:1] == "[":
        try:
            return list(_parsed(text, path))
        except InputError:
            # Lines may be lists too.
            if "\n[" not in text:
                raise
    rows = []
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            try:
                rows.append(parse_json(line))
            except ValueError as error:
                problem = line_fault(line.encode(errors="surrogatepass"))
                raise (problem or broken_line(str(error))).at(path, number) from None
    return rows


def read_yaml(path: Path, *, as_written: bool = False) -> Any:
    """The value of a YAML file; `as_written`, every number and date stays the text that it is.

    Raises: `InputError` for a missing file, for one that is not YAML, and for a key that is given
        twice, of which YAML would take the last.
    """
    import yaml

    try:
        # The base loader makes texts, lists and mappings of texts, and nothing else.
        loader = (yaml.BaseLoader if as_written else yaml.SafeLoader)(read_text(path))
        root = loader.get_single_node()
        if root is None:
            return None
        _refuse_repeated_key(root, path)
        return loader.construct_document(root)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        # A number of 5,000 digits and the 99th of May are ValueErrors.
        reason = "nests too deep" if isinstance(error, RecursionError) else error
        raise InputError(f"not valid YAML ({reason})", file=path, cure="Correct it.") from None


def _refuse_repeated_key(root: Any, path: Path) -> None:
    import yaml

    nodes, seen = [root], set[int]()
    while nodes:
        node = nodes.pop()
        # An alias leads to a node again, also to one that it is in.
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            nodes += node.value
        elif isinstance(node, yaml.MappingNode):
            nodes += [part for pair in node.value for part in pair]
            keys: dict[tuple[str, str], Any] = {}
            for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
                if keys.setdefault((key.tag, key.value), key) is not key:
                    what = f"has the key {key.value[:60]!r} twice"
                    line = key.start_mark.line + 1
                    raise InputError(what, file=path, line=line, cure="Keep one of them.")


def read_record(path: Path, form: TypeAdapter[T], *, cure: str) -> T:
    """Reads a JSON file with one record, and validates it.

    Raises: `InputError` for a missing or broken file, with the first wrong field and the cure.
    """
    from pydantic import ValidationError

    try:
        return form.validate_json(read_text(path))
    except ValidationError as error:
        fault: Any = error.errors(include_url=False)[0]
        place = ".".join(map(str, fault["loc"])) or "the file"
        # The name of an unknown field may contain anything.
        place = place if place.isprintable() else repr(place)
        raise InputError(f"{place}: {fault['msg']}", file=path, cure=cure) from None


def write_json(path: Path, value: Any) -> None:
    write_text(path, json.dumps(value, ensure_ascii=False, indent=2) + "\n")


def read_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Streams the non-empty lines with their numbers, in UTF-8 without a byte-order mark."""
    with _explained(path, "a JSON Lines file"), path.open("rb") as stream:
        head = stream.peek(4)[:4]
        encoding = encoding_of(head)
        lines: Iterable[bytes] = stream
        if encoding == "utf-8-sig":
            stream.read(3)
        elif encoding != "utf-8":
            lines = decoded(stream.read(), path).encode(errors="surrogatepass").split(b"\n")
        for number, line in enumerate(lines, start=1):
            if line.strip():
                yield number, line


def broken_line(reason: str) -> InputError:
    """The error for a line that is not a JSON object, usually because the file is cut short."""
    return InputError(
        f"not a valid JSON line ({reason})",
        cure="The file may be cut short; run the step that writes it again.",
    )


def _object(line: bytes) -> dict[str, Any]:
    value = parse_json(line.decode())
    if not isinstance(value, dict):
        raise ValueError("expected an object")
    return value


@overload
def read_jsonl(path: Path) -> Iterator[tuple[int, dict[str, Any]]]: ...
@overload
def read_jsonl(
    path: Path, loads: Callable[[bytes], T], explain: Callable[[Any], InputError]
) -> Iterator[tuple[int, T]]: ...
def read_jsonl(
    path: Path,
    loads: Callable[[bytes], Any] = _object,
    explain: Callable[[Any], InputError] = lambda error: broken_line(str(error)),
) -> Iterator[tuple[int, Any]]:
    """Streams the values of a JSON Lines file with their line numbers.

    Args:
        loads: Converts a line to a value or raises a `ValueError`; by default to an object.
        explain: Converts that `ValueError` to the user's error; file and line are added here.

    Raises: `InputError` with file and line for a line that `loads` refuses.
    """
    # Imported here, because a help text should appear at once.
    from jsonlines import InvalidLineError, Reader

    number, line = 0, b""

    def texts() -> Iterator[str]:
        nonlocal number, line
        for found in read_lines(path):
            number, line = found
            # The reader takes text, but `loads` needs the bytes, with a byte-order mark.
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
            raise (line_fault(line) or explain(error.__cause__)).at(path, number) from None
        yield number, value


def write_jsonl(path: Path, rows: Iterable[dict[str, Any] | str | bytes]) -> int:
    """Writes one row per line, atomically; returns their number. A string must be JSON already."""
    count = 0
    with atomic_path(path) as temporary, temporary.open("wb", 1 << 20) as stream:
        for row in rows:
            stream.write(row if isinstance(row, bytes) else _serialised(row))
            stream.write(b"\n")
            count += 1
    return count


def _serialised(row: dict[str, Any] | str) -> bytes:
    text = row if isinstance(row, str) else json.dumps(row, ensure_ascii=False)
    # In JSON, the escape of half a character is that half character.
    return text.encode(errors="backslashreplace")


def short_hash(text: str) -> str:
    """The first eight hexadecimal digits of the text's SHA-256, as used in signatures.

    >>> short_hash("")
    'e3b0c442'
    """
    return hashlib.sha256(text.encode()).hexdigest()[:8]
