"""Checks one row of a dataset: what LLaMA-Factory would drop, cut or crash on."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from whyser.io.errors import InputError
from whyser.io.text import half_character, lone_surrogate
from whyser_converters.check.findings import CheckFault
from whyser_converters.check.layout import AlpacaColumns, Layout

PLACEHOLDER = "<audio>"
UNHEARD = "rows without sound"
OVER_BUDGET = "rows over the token budget"
SHORTEN = "Raise cutoff_len or leave the row out."
_OTHER_MEDIA = ("<image>", "<video>")
_SPECIAL_TOKEN = re.compile(r"<\|[^|<>\s]*\|>")

#: Tokens that the template `qwen2_audio` writes around a turn of two messages and around a
#: clip, its default system prompt, and the tokens around a system prompt of the row's own.
_TURN, _CLIP, _DEFAULT_SYSTEM, _OWN_SYSTEM = 10, 2, 11, 5


@dataclass(frozen=True)
class Row:
    """A row as LLaMA-Factory splits it; `system` is empty for the template's own prompt."""

    roles: tuple[str | None, ...]
    contents: tuple[str, ...]
    system: str
    sounds: tuple[str, ...]


def read_rows(row: Any, layout: Layout) -> tuple[Row, ...]:
    """The row; a row of a ranking dataset gives two, one with each answer at its end.

    Raises: `InputError` when the row does not have the layout's shape.
    """
    if layout.alpaca is not None and isinstance(row, dict):
        row = {**row, **_messages(row, layout, layout.alpaca)}
    messages = row.get(layout.messages) if isinstance(row, dict) else None
    if not isinstance(messages, list) or not all(isinstance(one, dict) for one in messages):
        raise InputError(f"has no list of messages under {layout.messages!r}", cure=_REBUILD)
    if layout.chosen is None or layout.rejected is None:
        return (_read(row, messages, layout),)
    answers = [row.get(layout.chosen), row.get(layout.rejected)]
    if not all(isinstance(answer, dict) for answer in answers):
        what = f"has no message under {layout.chosen!r} or {layout.rejected!r}"
        raise InputError(what, cure=_REBUILD)
    return tuple(_read(row, [*messages, answer], layout) for answer in answers)


def _messages(row: Mapping[str, Any], layout: Layout, columns: AlpacaColumns) -> dict[str, Any]:
    """The messages and answers of an alpaca row, as LLaMA-Factory's `AlpacaDatasetConverter` makes
    them."""

    def said(role: str, text: Any) -> dict[str, Any]:
        return {layout.role: role, layout.content: text}

    given = row.get(columns.history) if columns.history else None
    earlier = given if isinstance(given, list) else []
    if not all(isinstance(pair, list) and len(pair) == 2 for pair in earlier):
        what = f"{columns.history!r} is not a list of pairs of a question and an answer"
        raise InputError(what, cure="Write [[question, answer], ...].")
    texts = [row.get(name) for name in (columns.prompt, columns.query) if name]
    if not all(isinstance(text, str | None) for text in texts):
        what = f"{columns.prompt!r} or {columns.query!r} is not a text"
        raise InputError(what, cure="Write the question as a text.")
    turns = [*earlier, ("\n".join(filter(None, texts)),)]
    made = [said(("user", "assistant")[at], text) for turn in turns for at, text in enumerate(turn)]
    if layout.chosen and layout.rejected:
        pair = {key: row.get(key) for key in (layout.chosen, layout.rejected)}
        answers = {
            key: said("assistant", text) for key, text in pair.items() if isinstance(text, str)
        }
        return {**dict.fromkeys(pair), **answers, layout.messages: made}
    return {layout.messages: [*made, said("assistant", row.get(columns.response or ""))]}


def _read(row: Mapping[str, Any], messages: list[Any], layout: Layout) -> Row:
    if not all(isinstance(one.get(layout.content), str) for one in messages):
        raise InputError(f"has a message without text under {layout.content!r}", cure=_REBUILD)
    given = row.get(layout.audios)
    sounds = [given] if isinstance(given, str) else given or []
    if not isinstance(sounds, list) or not all(isinstance(sound, str) for sound in sounds):
        raise InputError(f"{layout.audios!r} is not a list of paths", cure=_REBUILD)
    if mark := lone_surrogate("".join(sounds)):
        what = f"names a sound by half a character ({mark}), as for a name that is not UTF-8"
        raise InputError(what, cure="Rename the file, and build the dataset again.")
    system = str(row.get(layout.system_column) or "") if layout.system_column else ""
    if messages and layout.system and messages[0].get(layout.role) == layout.system:
        system = messages[0][layout.content]
        messages = messages[1:]
    return Row(
        roles=tuple(one.get(layout.role) for one in messages),
        contents=tuple(one[layout.content] for one in messages),
        system=system,
        sounds=tuple(sounds),
    )


_REBUILD = "Write it as whyser-convert sharegpt does."


def text_faults(rows: tuple[Row, ...], layout: Layout, *, trains: bool) -> Iterator[CheckFault]:
    """Faults of a row's text (`rows` as `read_rows` gives them), each reported once."""
    yield from dict.fromkeys(fault for row in rows for fault in _row_faults(row, layout, trains))
    if len(rows) == 2 and rows[0].contents == rows[1].contents:
        what = "its chosen and its rejected answer are the same"
        yield CheckFault("pairs without a difference", what, "Leave the row out.")


def _row_faults(row: Row, layout: Layout, trains: bool) -> Iterator[CheckFault]:
    yield from _role_faults(row, layout)
    yield from _placeholder_faults(row)
    for text in (row.system, *row.contents):
        if mark := lone_surrogate(text):
            problem = half_character(mark)
            what, cure = f"{problem.what}, which LLaMA-Factory loses", problem.cure or ""
            yield CheckFault("rows with half characters", what, cure, warns=True)
        if found := _SPECIAL_TOKEN.search(text):
            what = f"contains {found.group()!r}, which the tokenizer reads as a special token"
            yield CheckFault("rows with special tokens", what, "Remove the mark from the text.")
    if trains and not all(content.strip() for content in row.contents):
        what = "has an empty message, so there is no question or nothing to learn"
        yield CheckFault("rows with empty messages", what, "Leave the row out.")


def _role_faults(row: Row, layout: Layout) -> Iterator[CheckFault]:
    accepted = (layout.user, layout.assistant)
    in_turn = all(role in accepted[turn % 2] for turn, role in enumerate(row.roles))
    if not row.roles or len(row.roles) % 2 or not in_turn:
        expected = [layout.user[0], layout.assistant[0]]
        what = f"roles are {list(row.roles)}, expected {expected} in turn"
        yield CheckFault("rows with wrong roles", what, "LLaMA-Factory drops such a row; fix it.")


def _placeholder_faults(row: Row) -> Iterator[CheckFault]:
    text = "\n".join(row.contents)
    count = text.count(PLACEHOLDER)
    if count != len(row.sounds):
        what = f"{count} {PLACEHOLDER} in the messages for {len(row.sounds)} audios"
        cure = "Write one for each sound and remove it from transcripts."
        yield CheckFault("rows with wrong placeholders", what, cure)
    elif not row.sounds:
        what = "has no sound, so the model would learn to answer without listening"
        yield CheckFault(UNHEARD, what, "Leave the row out, unless this is intended.", warns=True)
    for mark in _OTHER_MEDIA:
        if mark in text:
            what = f"contains {mark!r}, for which LLaMA-Factory expects a file"
            yield CheckFault("rows with wrong placeholders", what, "Remove the mark from the text.")


def text_tokens(row: Row) -> int:
    """Tokens of a row's text and template.

    The count of what the template `qwen2_audio` adds is exact. No tokenizer is loaded, so the text
    is estimated as one token for 4 bytes of UTF-8, rounded up for each message. Qwen2 needs about
    one for 4.5 bytes of English prose, so real rows are mostly a little shorter.

    >>> text_tokens(Row(("user", "assistant"), ("<audio>What?", "sad"), "", ("a.wav",)))
    26
    """
    texts = [content.replace(PLACEHOLDER, "") for content in row.contents]
    system = _OWN_SYSTEM + _estimate(row.system) if row.system else _DEFAULT_SYSTEM
    template = system + _TURN * (len(texts) // 2) + _CLIP * len(row.sounds)
    return template + sum(map(_estimate, texts))


def _estimate(text: str) -> int:
    return -(-len(text.encode(errors="surrogatepass")) // 4)


def budget_faults(row: Row, audio_tokens: int, cutoff_len: int | None) -> Iterator[CheckFault]:
    """LLaMA-Factory cuts a row over `cutoff_len` at the end of its question, answer or both.

    A cut inside the clip crashes the model, and a cut answer loses the label at its end;
    LLaMA-Factory reports neither. `audio_tokens` is exact, so a row whose audio alone exceeds the
    limit certainly exceeds it.
    """
    text = text_tokens(row)
    if cutoff_len is not None and audio_tokens + text > cutoff_len:
        what = f"{audio_tokens:,} audio tokens and about {text:,} of text and template "
        what += f"do not fit cutoff_len {cutoff_len:,}"
        yield CheckFault(OVER_BUDGET, what, SHORTEN)


def manifest_faults(row: Row, line: Mapping[str, Any]) -> Iterator[CheckFault]:
    """Predictions get their ids from the manifest's line, so it must belong to this row."""
    own = {"answer": row.contents[-1:], "audio": row.sounds}
    for key, found in own.items():
        if key in line and (line[key],) != found:
            what = f"its {key} differs from its line in the manifest"
            yield CheckFault("rows of another manifest", what, "Build the dataset again.")
