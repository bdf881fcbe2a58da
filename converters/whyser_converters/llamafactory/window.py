"""Widens the window of a small Qwen2-Audio to that of the large one, since vLLM accepts no other.

The encoder's positions are sinusoids, which are never trained, and padding is masked. So the wider
model gives the same answers to clips that are no longer than the window of its training; of longer
clips it hears more.
"""

from __future__ import annotations

import json
import math
import shutil
import struct
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from whyser.io.audio import SAMPLING_RATE, WINDOW_S
from whyser.io.errors import InputError
from whyser.io.files import atomic_path, read_json, write_json
from whyser_converters.check.model import NATIVE, hearing_of, read_header

_CONFIG = "config.json"
#: The files that may hold the settings of the feature extractor, and the key below which they are.
_EXTRACTORS = {"preprocessor_config.json": None, "processor_config.json": "feature_extractor"}
_POSITIONS = "audio_tower.embed_positions.weight"
#: Published tables differ from the formula by the rounding of 16 bits.
_ROUNDING = 0.01

Floats = npt.NDArray[np.float32]


def is_narrow(model: Path) -> bool:
    """Whether it is a Qwen2-Audio with a shorter window than 30 s."""
    return model.is_dir() and hearing_of(model).seconds < WINDOW_S and _is_native(model)


def widen(model: Path) -> list[Path]:
    """Gives a Qwen2-Audio a window of 30 s, where it has a shorter one.

    A second call finishes what a killed one began.

    Returns: The files that were written.

    Raises: `InputError` for positions that are missing, or no sinusoids.
    """
    if not is_narrow(model):
        return []
    config = read_json(model / _CONFIG)
    encoder = config["audio_config"]
    rows = round(encoder["max_source_positions"] * WINDOW_S / hearing_of(model).seconds)
    weights = _holder(model)
    written = [weights] if _widen_table(weights, rows) else []
    for name, key in _EXTRACTORS.items():
        if (model / name).is_file():
            settings = read_json(model / name)
            if own := settings.get(key) if key else settings:
                own |= _extractor_settings(rows)
                write_json(model / name, settings)
                written.append(model / name)
    # It comes last, since it says what was done.
    encoder["max_source_positions"] = rows
    write_json(model / _CONFIG, config)
    return [*written, model / _CONFIG]


def _is_native(model: Path) -> bool:
    config = model / _CONFIG
    return config.is_file() and read_json(config).get("model_type") == NATIVE


def _extractor_settings(rows: int) -> dict[str, int]:
    seconds = int(WINDOW_S)
    return {
        "chunk_length": seconds,
        "n_samples": seconds * SAMPLING_RATE,
        "nb_max_frames": 2 * rows,
    }


def _holder(model: Path) -> Path:
    for file in sorted(model.glob("*.safetensors")):
        if any(name.endswith(_POSITIONS) for name in read_header(file)):
            return file
    cure = "Export the model again, with its weights as safetensors."
    raise InputError(f"no weights {_POSITIONS}", file=model, cure=cure)


def _widen_table(file: Path, rows: int) -> bool:
    """Rewrites the file with a table of `rows` positions; False if it has as many."""
    header = dict(read_header(file))
    (name,) = (name for name in header if name.endswith(_POSITIONS))
    entry = header[name]
    (old, width), kind = entry["shape"], entry["dtype"]
    if old == rows:
        return False
    start, end = entry["data_offsets"]
    with file.open("rb") as source, atomic_path(file) as temporary:
        data = 8 + struct.unpack("<Q", source.read(8))[0]
        source.seek(data + start)
        table = source.read(end - start)
        _refuse_learned(file, _decoded(table, kind).reshape(old, width))
        more = _encoded(sinusoids(rows, width)[old:], kind)
        header[name] = {**entry, "shape": [rows, width], "data_offsets": [start, end + len(more)]}
        for other, its in header.items():
            if other not in (name, "__metadata__") and its["data_offsets"][0] >= end:
                moved = [offset + len(more) for offset in its["data_offsets"]]
                header[other] = {**its, "data_offsets": moved}
        with temporary.open("wb") as target:
            _write_header(target, header)
            source.seek(data)
            target.write(source.read(start))
            target.write(table + more)
            source.seek(data + end)
            shutil.copyfileobj(source, target, 1 << 24)
    return True


def _write_header(target: IO[bytes], header: dict[str, Any]) -> None:
    text = json.dumps(header, separators=(",", ":")).encode()
    # The format wants the data to begin at a multiple of 8 bytes.
    text += b" " * (-len(text) % 8)
    target.write(struct.pack("<Q", len(text)) + text)


def sinusoids(rows: int, width: int) -> Floats:
    """Whisper's positions, float32[rows, width]: sines, then cosines.

    >>> (100 * sinusoids(2, 4)).round().astype(int).tolist()
    [[0, 0, 100, 100], [84, 0, 54, 100]]
    """
    rates = np.exp(-math.log(10_000) / (width // 2 - 1) * np.arange(width // 2))
    angles = np.arange(rows)[:, None] * rates
    table: Floats = np.concatenate([np.sin(angles), np.cos(angles)], axis=1).astype(np.float32)
    return table


def _refuse_learned(file: Path, table: Floats) -> None:
    if np.abs(table - sinusoids(*table.shape)).max() > _ROUNDING:
        raise InputError(
            "its positions are no sinusoids, so its window cannot be widened",
            file=file,
            cure="Serve it with llamafactory-cli api, which takes any window.",
        )


def _decoded(data: bytes, kind: str) -> Floats:
    if kind == "BF16":
        upper = np.frombuffer(data, "<u2").astype("<u4") << 16
        return upper.view("<f4")
    return np.frombuffer(data, {"F32": "<f4", "F16": "<f2"}[kind]).astype(np.float32)


def _encoded(table: Floats, kind: str) -> bytes:
    if kind == "BF16":
        # Rounded to the nearest; of two equally near ones to the even.
        bits = table.astype("<f4").view("<u4")
        rounded: npt.NDArray[np.uint32] = (bits + 0x7FFF + (bits >> 16 & 1)) >> 16
        return rounded.astype("<u2").tobytes()
    return table.astype({"F32": "<f4", "F16": "<f2"}[kind]).tobytes()
