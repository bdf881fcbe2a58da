"""Whether LLaMA-Factory's own loader reads a file of rows, and if not, which column it refuses.

LLaMA-Factory calls `datasets.load_dataset("json")` for `.json` and for `.jsonl`. It takes lists and
JSON lines under either name, gives every column one type, also those that nothing reads, and
refuses the whole file for one value of another type.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

from whyser.io.errors import InputError
from whyser.io.extras import is_installed
from whyser.io.files import read_rows, read_text
from whyser.io.text import foreign_encoding, half_character, lone_surrogate
from whyser.temporary import temporary_folder

_KINDS: Mapping[type, str] = {
    bool: "true or false",
    int: "a number",
    float: "a number",
    str: "a text",
    list: "a list",
    dict: "an object",
}


def load_rows(file: Path, audios: str) -> tuple[list[Any], InputError | None]:
    """The rows of a file, and why LLaMA-Factory's loader refuses them, if it does.

    Without the library `datasets`, as in the base install, its main rules are applied here.

    Args: `audios`, the column of the paths.

    Raises: `InputError` for a file that neither we nor the loader can read.
    """
    asks = is_installed("datasets")
    try:
        rows = read_rows(file)
    except InputError:
        if not asks:
            raise
        # The loader reads some files that we do not.
        rows, reason = _loaded(file, as_list=True)
        if reason is not None:
            raise
        return rows, None
    if not rows:
        return rows, None
    reason = _loaded(file)[1] if asks else ""
    if reason is None:
        return rows, None
    found = _mark_refused(file) or next(_mixed_columns(rows, audios), None)
    if found is None and (asks or not _is_list(file)):
        found = _half_character(rows)
    if found is None and reason:
        what = f"LLaMA-Factory's loader refuses the file ({reason})"
        found = InputError(what, cure="Write it as whyser-convert sharegpt does.")
    return rows, found


def _loaded(file: Path, *, as_list: bool = False) -> tuple[list[Any], str | None]:
    """The loader's rows if wanted, and its reason if it refuses the file."""
    import datasets

    verbosity, bars = datasets.logging.get_verbosity(), datasets.are_progress_bars_disabled()
    datasets.logging.set_verbosity(datasets.logging.CRITICAL)
    datasets.disable_progress_bars()
    try:
        with temporary_folder() as cache, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # What load_dataset("json") does, without asking a hub to count a download.
            rows = datasets.Dataset.from_json(str(file), cache_dir=str(cache))
            return rows.to_list() if as_list else [], None
    except Exception as error:
        return [], _reason(error, file)
    finally:
        datasets.logging.set_verbosity(verbosity)
        if not bars:
            datasets.enable_progress_bars()


def _reason(error: BaseException, file: Path) -> str:
    """The most telling error of the chain: that of Arrow for lines, that of pandas for a list."""
    chain = [error]
    while (earlier := chain[-1].__cause__ or chain[-1].__context__) is not None:
        chain.append(earlier)
    texts = [str(one).split("\n", 1)[0] for one in reversed(chain)]
    by_arrow = [text.startswith("JSON parse error") for text in texts]
    wanted = not _is_list(file)
    told = [text for text, arrow in zip(texts, by_arrow, strict=True) if arrow == wanted and text]
    return (told or texts or [type(error).__name__])[0][:200]


def _is_list(file: Path) -> bool:
    """Whether the file is one JSON list, which the loader gives to pandas, and not lines."""
    return read_text(file).lstrip()[:1] == "["


def _mark_refused(file: Path) -> InputError | None:
    accepted = ["utf-8"] if _is_list(file) else ["utf-8", "utf-8-sig"]
    if (found := foreign_encoding(file, accepted)) is None:
        return None
    what = f"{found}, which LLaMA-Factory's loader refuses"
    return InputError(what, cure="Save it as UTF-8 without a mark.")


def _half_character(rows: Sequence[Any]) -> InputError | None:
    for number, row in enumerate(rows):
        if mark := lone_surrogate(json.dumps(row, ensure_ascii=False)):
            problem = half_character(mark)
            return InputError(f"row {number} {problem.what}", cure=problem.cure)
    return None


def _mixed_columns(rows: Sequence[Any], audios: str) -> Iterator[InputError]:
    """A column whose values are of two kinds; null fits every kind."""
    seen: dict[str, dict[str, int]] = {}
    # The first row of each kind in a column.
    for number, row in enumerate(rows):
        for place, value in _values(row, ""):
            kind = _KINDS[type(value)]
            seen.setdefault(place, {}).setdefault(kind, number)
    for place, kinds in seen.items():
        for (kind, row), (other, second) in combinations(kinds.items(), 2):
            first, last = (
                "a path" if place == audios and one == "a text" else one for one in (kind, other)
            )
            yield InputError(
                f"{place!r} is {first} in some rows and {last} in others, such as rows "
                f"{row} and {second}",
                cure="Write one kind, because LLaMA-Factory refuses the file for both together.",
            )


def _values(value: Any, place: str) -> Iterator[tuple[str, Any]]:
    """Every value with the name of its column, as `messages.content`."""
    if value is None:
        return
    if place:
        yield place, value
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _values(inner, f"{place}.{key}" if place else key)
    elif isinstance(value, list):
        for inner in value:
            yield from _values(inner, f"{place}[]")
