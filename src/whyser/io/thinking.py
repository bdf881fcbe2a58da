"""The thinking that a model writes before its answer, as far as its server leaves it in the text.

A server with a parser for the model sends the thinking in a field of its own. Without one it stands
in the answer, between marks that each model family chose for itself.
"""

from __future__ import annotations

import re

#: What the names of such marks have in common. `reason` alone is a tag of the training target, and
#: a rationale.
_NAME = (
    r"[\w:-]{0,40}(?:think|thought|scratchpad|monologue)[\w:-]{0,40}"
    r"|(?:[\w:-]{0,40}[:_-])?(?:reasoning|reflection|cot)"
)

#: One mark: it opens the thinking (`<think>`, `[THINK]`, `<|channel|>analysis`) or closes it.
#: The first character is outside of what ignores case, because the search is then fast.
_MARK = re.compile(
    # not the tags of the training target, which every answer has
    r"[<](?!/?(?:asr|answer|reason|descriptors|attributes)>)"
    # <think>, </seed:think>, <|END_THINKING|>, with attributes such as <thinking time="3">
    rf"(?i:\|?[ ]{{0,3}}(?P<slash>/?)[ ]{{0,3}}(?P<tag>{_NAME})"
    r"(?:\s[^<>]{0,80})?[ ]{0,3}\|?>"
    # the channels of gpt-oss and of Gemma
    r"|(?P<open>\|?channel\|?>\s?(?:analysis|commentary|thought)(?:(?:[^<>\n]|<\|constrain\|>){0,80}<\|message\|>)?"
    r"|unused94>(?:thought)?)"
    r"|(?P<close>\|?channel\|?>\s?final(?:(?:[^<>\n]|<\|constrain\|>){0,80}<\|message\|>)?|channel\|>|unused95>))"
    r"|\u25c1(?P<slash2>/?)(?P<tag2>think\w{0,20})\u25b7"
    r"|\[(?P<slash3>/?)(?P<tag3>THINK[A-Z]{0,20})\]",
)

#: Thinking between words: what is left of gpt-oss' marks without its special tokens, and Granite's.
_BARE = re.compile(
    r"\s*analysis.*?assistant\s?final(?=\W|[A-Z])"
    r"|\s*[Hh]ere(?:'s| is) my thought process:.*?[Hh]ere(?:'s| is) my response:",
    re.DOTALL,
)

#: Marks of a chat template around the answer, such as <|START_RESPONSE|> or <|return|>.
_EDGE = re.compile(r"\A(?:\s*<\|[^|<>\n]{1,40}\|>)+|(?:<\|[^|<>\n]{1,40}\|>\s*)+\Z")


def split_thinking(text: str) -> tuple[str, bool]:
    """The text without its thinking, and whether it ends before the thinking does.

    A mark that closes what was never opened ends thinking that the prompt opened, as many chat
    templates do.

    >>> split_thinking("<think>Sad or angry?</think>She is sad."), split_thinking("<thought>Sad")
    (('She is sad.', False), ('', True))
    >>> split_thinking("Sad or angry?</thinking> She is sad.")
    ('She is sad.', False)
    """
    if found := _BARE.match(text):
        text = text[found.end() :].strip()
    marks = list(_MARK.finditer(text))
    if not marks:
        return text, False
    last_closed = {_name(mark): mark.start() for mark in marks if _closes(mark)}
    kept: list[str] = []
    start, opened = 0, None
    for mark in marks:
        name = _name(mark)
        if not _closes(mark):
            if opened is None:
                kept.append(text[start : mark.start()])
                opened = name
        elif opened is None:
            kept.clear()
            start = mark.end()
        # Another name inside is part of the thinking, unless its own mark never comes.
        elif name == opened or last_closed.get(opened, -1) < mark.start():
            start, opened = mark.end(), None
    if opened is None:
        kept.append(text[start:])
    return _EDGE.sub("", "\n".join(kept)).strip(), opened is not None


def without_thinking(text: str) -> str:
    """The text without its thinking; unchanged if it has none."""
    return split_thinking(text)[0]


def _name(mark: re.Match[str]) -> str:
    name = mark["tag"] or mark["tag2"] or mark["tag3"] or ""
    return re.sub(r"^(?:start|end|begin)_(?:of_)?", "", name.lower())


def _closes(mark: re.Match[str]) -> bool:
    name = (mark["tag"] or "").lower()
    slash = mark["slash"] or mark["slash2"] or mark["slash3"]
    return bool(slash or mark["close"]) or name.startswith("end_")
