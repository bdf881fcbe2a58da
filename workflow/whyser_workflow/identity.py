"""What identifies an input: what it says, not when it was written.

A touched file, a comment in a YAML or another order of its keys change nothing. Identities are
short hashes, or the values themselves where a person needs to see what changed.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from whyser.io.errors import InputError
from whyser.io.files import read_json, short_hash
from whyser_converters.check.model import names_in
from whyser_converters.check.settings import settings_of
from whyser_converters.datasets.dataset_info import read_table

#: Settings that say where results go, how they are shown and how fast they come; they change no
#: weight and no answer. Start models count by what they hold (`start_identity`).
_NEUTRAL = (
    *("output_dir", "overwrite_output_dir", "dataset_dir", "overwrite_cache", "report_to"),
    *("plot_loss", "run_name", "resume_from_checkpoint", "logging_dir", "logging_steps"),
    *("preprocessing_num_workers", "dataloader_num_workers", "per_device_eval_batch_size"),
    *("save_total_limit", "ddp_timeout", "model_name_or_path", "adapter_name_or_path"),
)
#: What a model is made of.
_MODEL_FILES = ("*.safetensors", "*.bin", "*config.json", "tokenizer*", "vocab*", "*.py")
#: Bytes that are read of a large file: from its beginning, its end, and places between.
_BLOCK, _BLOCKS = 1 << 16, 64


def settings_identity(path: Path, overrides: Iterable[str] = ()) -> dict[str, Any]:
    """The settings of a YAML with its overrides, and the content of JSON files that it names."""
    settings = settings_of(path, list(overrides))
    named = {
        key: read_json(Path(value))
        for key, value in settings.items()
        if isinstance(value, str) and value.endswith(".json") and Path(value).is_file()
    }
    kept = {**settings, **named}
    return {key: kept[key] for key in sorted(kept) if key not in _NEUTRAL}


def row_hashes(path: Path) -> list[str]:
    """A short hash for each row of a dataset.

    Raises: `InputError` for a missing or broken file.
    """
    rows = read_json(path)
    if not isinstance(rows, list):
        raise InputError("expected a list of rows", file=path, cure="Write the dataset again.")
    return [short_hash(json.dumps(row, sort_keys=True)) for row in rows]


def start_identity(start: Mapping[str, str | None]) -> dict[str, dict[str, str]]:
    """The models of `model_name_or_path` and `adapter_name_or_path`: identity -> name.

    A model that was moved has another name, and is the same.
    """
    return {
        key: {model_identity(name): name for name in names_in(value)}
        for key, value in start.items()
    }


def model_identity(name: str) -> str:
    """A model folder by the content of its files; a model of a hub by its name.

    Large files are read in part: their size, and 64 pieces of 64 KiB.
    """
    folder = Path(name)
    if not folder.is_dir():
        return name
    digest = hashlib.sha256()
    for file in _files(folder):
        # Logs and checkpoints of its training are not the model.
        if file.parent == folder and any(map(file.match, _MODEL_FILES)):
            digest.update(f"{file.relative_to(folder)} {file.stat().st_size}\n".encode())
            digest.update(_sampled(file))
    return digest.hexdigest()[:16]


def folder_identity(folder: Path) -> str:
    """A corpus by the names, sizes and times of its files; to read all sound would take hours."""
    return files_identity((file, file.relative_to(folder)) for file in _files(folder))


def files_identity(files: Iterable[tuple[str | Path, str | Path]]) -> str:
    """Files, each with the name that counts, by name, size and time; one may be missing."""
    digest = hashlib.sha256()
    for file, name in files:
        try:
            status = os.stat(file)  # noqa: PTH116, called for every clip
        except (OSError, ValueError):
            continue
        line = f"{name}\t{status.st_size}\t{status.st_mtime_ns}\n"
        # A name need not be UTF-8.
        digest.update(os.fsencode(line))
    return digest.hexdigest()[:16]


def own_rows_identity(table: Path, names: Iterable[str]) -> str:
    """Datasets of a table by their entries and the content of their files."""
    digest = hashlib.sha256()
    entries = read_table(table)
    for name in names:
        digest.update(json.dumps(entries[name], sort_keys=True).encode())
        given = entries[name].get("file_name") if isinstance(entries[name], dict) else None
        file = table.parent / str(given)
        # A missing file, or another kind of entry, is the converter's to report.
        digest.update(file.read_bytes() if file.is_file() else b"")
    return digest.hexdigest()[:16]


def code_identity(*rooms: str) -> str:
    """The content of our own modules: those below each of the packages or modules."""
    from importlib.util import find_spec

    digest = hashlib.sha256()
    for room in rooms:
        spec = find_spec(room)
        if spec is None or spec.origin is None:
            raise InputError(f"no module {room}", cure="Install Whyser again: ./install.sh")
        origin = Path(spec.origin)
        files = _files(origin.parent) if origin.name == "__init__.py" else iter([origin])
        for file in files:
            if "__pycache__" not in file.parts:
                digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def options_identity(words: Iterable[str]) -> list[str]:
    """Options, each file among them by its content, as in `--prompt FILE`."""
    found = []
    for word in words:
        path = Path(word.partition("=")[2] if word.startswith("--") else word)
        is_file = path.is_file()
        content = hashlib.sha256(path.read_bytes()).hexdigest()[:16] if is_file else ""
        found.append(f"{word} {content}".rstrip())
    return found


def digest_of(value: Mapping[str, Any]) -> str:
    return short_hash(json.dumps(value, sort_keys=True, default=str))


def _files(folder: Path) -> Iterator[Path]:
    """All files below, in a fixed order, each folder once.

    What cannot be read, such as `lost+found` of a disk, is left out: a converter that needs it says
    so.
    """
    seen = set()
    for place, folders, names in os.walk(folder, followlinks=True):
        try:
            status = Path(place).stat()
        except OSError:
            continue
        if (status.st_dev, status.st_ino) in seen:
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        folders.sort()
        yield from filter(_is_file, (Path(place, name) for name in sorted(names)))


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:
        return False


def _sampled(file: Path) -> bytes:
    size = file.stat().st_size
    digest = hashlib.sha256()
    with file.open("rb") as stream:
        if size <= _BLOCK * _BLOCKS:
            digest.update(stream.read())
        else:
            for number in range(_BLOCKS):
                stream.seek((size - _BLOCK) * number // (_BLOCKS - 1))
                digest.update(stream.read(_BLOCK))
    return digest.digest()
