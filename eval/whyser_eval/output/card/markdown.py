"""Cards from templates: what a template shows is escaped, for Markdown or for YAML.

Titles, names and settings come from files of strangers. So every value that a template inserts is
escaped, unless it is `Markdown` that this room wrote.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from whyser_eval.output.card.licence import is_address
from whyser_eval.output.table.render import markdown_text, visible
from whyser_eval.page.onefile import cut
from whyser_eval.scoring.scores import ScoreRow


class Markdown(str):
    """A text that is Markdown already."""


def code(text: object) -> Markdown:
    """A code span; a text with backticks gets more of them around it.

    >>> code("a_b"), code("a`b")
    ('`a_b`', '`` a`b ``')
    """
    shown = visible(cut(str(text)) or "")
    longest = max(map(len, re.findall("`+", shown)), default=0)
    # Without a space in it, an empty one is no code, but the fence of what follows.
    fence, space = "`" * (longest + 1), " " if longest or not shown else ""
    return Markdown(f"{fence}{space}{shown}{space}{fence}")


def link(source: str) -> Markdown:
    """A corpus' source: a link if it is an address, else the text as it is.

    >>> link("https://example.org/a_b"), link("ask [me](x)")
    ('<https://example.org/a_b>', 'ask \\\\[me\\\\](x)')
    """
    return Markdown(f"<{source}>" if is_address(source) else escaped(source))


def table(headings: Sequence[object], rows: Iterable[Sequence[object]], *, text: int = 1) -> str:
    r"""A table whose first `text` columns are words and whose others are numbers.

    >>> print(table(["name", "rows"], [["a|b", 1200], [code("c|d"), 3]]))
    | name | rows |
    |---|---:|
    | a\|b | 1,200 |
    | `c\|d` | 3 |
    """
    ruler = "|".join("---" if place < text else "---:" for place in range(len(headings)))
    lines = [_line(headings), f"|{ruler}|", *map(_line, rows)]
    return Markdown("\n".join(lines))


def _line(cells: Sequence[object]) -> str:
    return f"| {' | '.join(map(_cell, cells))} |"


def _cell(value: object) -> str:
    # A cell ends at a bar, in code too.
    return value.replace("|", r"\|") if isinstance(value, Markdown) else str(escaped(value))


def escaped(value: Any) -> Any:
    """A value as a card shows it: a text escaped and on one line, a count with its thousands."""
    if isinstance(value, Markdown):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return markdown_text(cut(str(value)) or "")


def figure(row: ScoreRow | None) -> str:
    """A score with its interval; a dash where there is none.

    >>> figure(None)
    '-'
    """
    if row is None or row.value is None:
        return "-"
    interval = f" ({row.low:.3f} to {row.high:.3f})" if row.low is not None else ""
    return f"{row.value:.3f}{interval}"


def render(template: str, metadata: Mapping[str, Any], **shown: Any) -> str:
    """A card: the metadata as YAML between two rulers, then the template's Markdown."""
    import yaml
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("whyser_eval.output.card", "template"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=escaped,
    )
    environment.filters["code"] = code
    text = environment.get_template(template).render(**shown)
    head = yaml.safe_dump(_plain(metadata), sort_keys=False, allow_unicode=True, width=100)
    # What a template leaves out leaves its empty lines.
    body = re.sub(r"\n{3,}", "\n\n", text).strip()
    return f"---\n{head}---\n\n{body}\n"


def _plain(value: Any) -> Any:
    """Metadata whose texts have one line each, so that none can end the YAML."""
    if isinstance(value, Mapping):
        return {visible(str(key)): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return visible(value) if isinstance(value, str) else value
