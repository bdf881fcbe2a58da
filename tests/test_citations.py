"""Every document, heading and file that code, configurations and pages cite exists.

A citation has one form, `docs/NAME.md, "Heading"`. "paper, 3.1" is a section of the paper.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from .checkout import ROOT, tracked

#: Comment marks and line breaks inside a citation are no part of it.
_BREAK = re.compile(r"\s*\n\s*(?:#:?\s*)?")
_CITATION = re.compile(r'((?:[\w-]+/)*[\w-]+\.md), "([^"]+)"')
#: A file of ours, named by its path from the root.
_MENTION = re.compile(
    r"(?<![\w./-])(?:docs|src/whyser|converters/whyser_converters|eval/whyser_eval|tests|benchmarks"
    r"|llamafactory_configs)/[\w./-]+\.[a-z]+(?![\w-])"
)
_LINK = re.compile(r"\]\(([^)\s]+)\)")

#: The file that a reader of docs/new_corpus.md writes.
_EXAMPLES = {"converters/whyser_converters/corpora/emodb.py"}

#: Notes that are not shipped; `docs/corpora.md` and the like are.
_UNSHIPPED = re.compile(
    r"(?<![\w/])(?:method|platform|words|design|corpora)(?:\.md,? \d|\.md's|, \d|: \")"
    r"|(?<![\w/])(?:method|platform|words)\.md|\bseeds? 00\d",
    re.IGNORECASE,
)


FILES = (".py", ".yaml", ".yml", ".sh", ".md", ".csv", ".toml", ".sbatch")


def slug(heading: str) -> str:
    """The anchor that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def headings(page: Path) -> list[str]:
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    return [match.strip() for match in re.findall(r"^#+ (.+)$", text, re.MULTILINE)]


def faults_of(text: str) -> Iterator[str]:
    """What a text cites and the repository does not have."""
    flat = _BREAK.sub(" ", text)
    for name, heading in _CITATION.findall(flat):
        page = ROOT / name
        if not page.is_file():
            yield f'cites {name}, "{heading}", and there is no such file'
        elif heading not in headings(page):
            yield f'cites {name}, "{heading}"; its headings are {headings(page)}'
    for name in _MENTION.findall(flat):
        if name not in _EXAMPLES and not (ROOT / name).is_file():
            yield f"names {name}, which does not exist"
    for match in _UNSHIPPED.finditer(flat):
        near = flat[max(0, match.start() - 30) : match.end() + 30]
        yield f"cites a document that is not in the repository: ...{near}..."


def test_every_citation_resolves() -> None:
    faults = [
        f"{path.relative_to(ROOT)} {fault}"
        for path in tracked(*FILES)
        if path != Path(__file__)
        for fault in faults_of(path.read_text(encoding="utf-8"))
    ]
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ('Source: docs/design.md, "What flows".', None),
        ('#: See (docs/design.md, "What\n#: flows").', None),
        ("A clip is read whole (paper, 3.1).", None),
        ("docs/corpora.md has the choices.", None),
        ("A method, platform or design of ours.", None),
        ('docs/design.md, "What stands"', "its headings are"),
        ('docs/plan.md, "Rooms"', "no such file"),
        ("see docs/plan.md", "does not exist"),
        ("as in eval/whyser_eval/metrics.py", "does not exist"),
        ("method, 2", "not in the repository"),
        ("(method.md, 12 to 14)", "not in the repository"),
        ("#: Method.md, 15.", "not in the repository"),
        ("(platform.md)", "not in the repository"),
        ('(design: "What flows")', "not in the repository"),
        ("corpora.md, 3", "not in the repository"),
        ("Source: seeds 002 and 003", "not in the repository"),
    ],
)
def test_a_citation_is_judged(text: str, fault: str | None) -> None:
    found = " ".join(faults_of(text))
    assert fault in found if fault else not found


def test_every_link_between_pages_leads_somewhere() -> None:
    faults = []
    for page in tracked(".md"):
        for link in _LINK.findall(page.read_text(encoding="utf-8")):
            if re.match(r"[a-z]+:", link):
                continue
            name, _, anchor = link.partition("#")
            target = page.parent / name if name else page
            if not target.exists():
                faults.append(f"{page.relative_to(ROOT)} links to {link}, which does not exist")
            elif anchor and anchor not in map(slug, headings(target)):
                faults.append(
                    f"{page.relative_to(ROOT)} links to {link}, which has no such heading"
                )
    assert not faults, "\n".join(faults)
