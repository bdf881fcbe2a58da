"""Reads a dataset's entry in `dataset_info.json` as LLaMA-Factory 0.9.5 reads it.

Each of its rules (`llamafactory/data/parser.py`) can lose a dataset's sound or rows: unknown keys
are ignored; `formatting` is `alpaca` by default; if `columns` or `tags` are given, they replace all
of their defaults, so a name that they leave out is missing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from whyser.io.errors import InputError, did_you_mean
from whyser.io.text import foreign_encoding
from whyser_converters.check.findings import CheckFault

_HUBS = ("hf_hub_url", "ms_hub_url", "om_hub_url")
_KEYS = (
    *(*_HUBS, "script_url", "cloud_file_name", "file_name"),
    *("formatting", "ranking", "subset", "split", "folder", "num_samples", "columns", "tags"),
)
_COLUMNS: Mapping[str, str | None] = {
    **dict.fromkeys(("history", "system", "tools")),
    **dict.fromkeys(("images", "videos", "audios", "chosen", "rejected", "kto_tag")),
    **{"prompt": "instruction", "query": "input", "response": "output"},
    "messages": "conversations",
}
_TAGS: Mapping[str, str | None] = {
    "role_tag": "from",
    "content_tag": "value",
    "user_tag": "human",
    "assistant_tag": "gpt",
    "observation_tag": "observation",
    "function_tag": "function_call",
    "system_tag": "system",
}
#: Without these names LLaMA-Factory finds nothing to train on.
_NEEDED = {
    "sharegpt": ("messages", "audios", "role_tag", "content_tag", "user_tag", "assistant_tag"),
    "alpaca": ("prompt", "audios"),
}
#: Only for these stages does LLaMA-Factory load pairs of answers.
_RANKING_STAGES = ("dpo", "rm")
_MISSPELT = "misspelt or missing names"


class AlpacaColumns(NamedTuple):
    """The columns of a row with `formatting` alpaca; the text of `query` follows that of `prompt`.

    `history` has pairs of earlier questions and answers.
    """

    prompt: str
    query: str | None
    response: str | None
    history: str | None


@dataclass(frozen=True)
class Layout:
    """The file of a dataset's rows, and the names of a row's parts.

    Rows with the columns of `alpaca` have no messages; `rows` makes them.
    """

    file_name: str
    messages: str
    audios: str
    role: str
    content: str
    user: tuple[str, ...]
    assistant: tuple[str, ...]
    system: str | None
    system_column: str | None
    chosen: str | None = None
    rejected: str | None = None
    alpaca: AlpacaColumns | None = None

    @property
    def columns(self) -> list[str]:
        """The columns that LLaMA-Factory asks every row for, besides messages and sounds."""
        return [name for name in (self.system_column, *(self.alpaca or ())) if name]


def read_layout(name: str, entry: Any, stage: str | None = None) -> Layout:
    """The layout of a dataset in a local file; only ranking datasets have `chosen`.

    Raises: `InputError` for any other dataset, for a missing name, and for a dataset that does not
    fit the `stage`.
    """
    if not isinstance(entry, dict):
        raise InputError(f"dataset {name!r} is not an object", cure='Write {"file_name": ...}.')
    _refuse_foreign(name, entry)
    is_ranking = bool(entry.get("ranking"))
    if stage is not None and is_ranking != (stage in _RANKING_STAGES):
        rule = "accepts no ranking dataset" if is_ranking else "needs a ranking dataset"
        raise InputError(
            f"stage {stage} {rule}, and {name!r} is {'' if is_ranking else 'not '}one",
            cure="Name another dataset, or correct 'stage'.",
        )
    names = {**_names(name, entry, "columns", _COLUMNS), **_names(name, entry, "tags", _TAGS)}
    formatting = entry.get("formatting", "alpaca")
    answers = ("chosen", "rejected") if is_ranking else ("response",)[: formatting == "alpaca"]
    if missing := [key for key in (*_NEEDED[formatting], *answers) if not names[key]]:
        effect = ": it would train without sound" if "audios" in missing else ""
        default = "" if "formatting" in entry else " (the default)"
        alpaca = f" has formatting 'alpaca'{default} and" if formatting == "alpaca" else ""
        raise InputError(
            f"dataset {name!r}{alpaca} names no {', '.join(missing)}{effect}",
            cure="Use the columns and tags that whyser-convert sharegpt writes.",
        )
    if formatting == "alpaca":
        return Layout(
            file_name=entry["file_name"],
            # The names of the messages that are made of such a row.
            messages="messages",
            role="role",
            content="content",
            user=("user",),
            assistant=("assistant",),
            system=None,
            audios=str(names["audios"]),
            system_column=names["system"],
            chosen=names["chosen"] if is_ranking else None,
            rejected=names["rejected"] if is_ranking else None,
            alpaca=AlpacaColumns(
                str(names["prompt"]), names["query"], names["response"], names["history"]
            ),
        )
    return Layout(
        file_name=entry["file_name"],
        messages=str(names["messages"]),
        audios=str(names["audios"]),
        role=str(names["role_tag"]),
        content=str(names["content_tag"]),
        user=tuple(filter(None, (names["user_tag"], names["observation_tag"]))),
        assistant=tuple(filter(None, (names["assistant_tag"], names["function_tag"]))),
        system=names["system_tag"],
        system_column=names["system"],
        chosen=names["chosen"] if is_ranking else None,
        rejected=names["rejected"] if is_ranking else None,
    )


def table_faults(table: Path) -> Iterator[CheckFault]:
    """A fault for a table whose encoding LLaMA-Factory does not read, although we do."""
    if table.is_file() and (found := foreign_encoding(table)):
        what, cure = f"{found}, which LLaMA-Factory refuses", "Save it as UTF-8 without a mark."
        yield CheckFault("tables that cannot be read", what, cure)


def unknown_names(name: str, entry: Any) -> Iterator[CheckFault]:
    """A fault for every key that LLaMA-Factory ignores."""
    if not isinstance(entry, dict):
        return
    tables = (
        ("", entry, _KEYS),
        ("columns ", entry.get("columns"), _COLUMNS),
        ("tags ", entry.get("tags"), _TAGS),
    )
    for prefix, given, known in tables:
        for key in given if isinstance(given, dict) else ():
            if key not in known:
                what = f"dataset {name!r}: LLaMA-Factory ignores {prefix}{key!r}"
                yield CheckFault(_MISSPELT, what, did_you_mean(key, known))


def _refuse_foreign(name: str, entry: Mapping[str, Any]) -> None:
    # LLaMA-Factory prefers each of these to a local file that the entry also names.
    remote = [key for key in (*_HUBS, "script_url", "cloud_file_name") if key in entry]
    if remote or not isinstance(entry.get("file_name"), str):
        raise InputError(
            f"dataset {name!r} is read from {remote[0]}"
            if remote
            else f"dataset {name!r} names no local file",
            cure="Only datasets with just a 'file_name' can be checked.",
        )
    formatting = entry.get("formatting", "alpaca")
    if not isinstance(formatting, str) or formatting not in _NEEDED:
        raise InputError(
            f"dataset {name!r} has formatting {formatting!r}",
            cure='Write "formatting": "sharegpt", as our rows need it, or "alpaca".',
        )


def _names(
    name: str, entry: Mapping[str, Any], key: str, defaults: Mapping[str, str | None]
) -> dict[str, str | None]:
    if key not in entry:
        return dict(defaults)
    given = entry[key]
    if not isinstance(given, dict) or not all(
        isinstance(one, str | None) for one in given.values()
    ):
        what, cure = f"dataset {name!r}: {key} is not a table of names", 'Write {"name": "name"}.'
        raise InputError(what, cure=cure)
    return {known: given.get(known) for known in defaults}
