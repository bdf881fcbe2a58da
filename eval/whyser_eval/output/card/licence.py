"""The licence of what is made from several corpora: the strictest of theirs.

A reading of short texts that errs on the strict side, as a warning to the user. It is no legal
advice, and the cards say so.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from whyser.records.corpus import CorpusCard

Kind: TypeAlias = Literal[
    "unknown", "restricted", "non-commercial", "share alike", "attribution", "free"
]

#: Words of a licence by its kind. The strictest kind with a word counts, since "CC BY-NC-SA" has
#: words of three.
_WORDS: Mapping[Kind, re.Pattern[str]] = {
    "restricted": re.compile(
        r"research|academic|\bsigned\b|agreement|release form|third part|\brequest|proprietary|"
        r"all rights reserved|\bEULA\b|\bND\b|no.?deriv",
        re.IGNORECASE,
    ),
    "non-commercial": re.compile(r"\bNC\b|non.?commercial", re.IGNORECASE),
    "share alike": re.compile(r"\bSA\b|GPL|\bODbL\b|share.?alike", re.IGNORECASE),
    "attribution": re.compile(
        r"\bCC.BY\b|\bODC.By\b|\bMIT\b|Apache|\bBSD\b|attribution", re.IGNORECASE
    ),
    "free": re.compile(r"\bCC0\b|\bCC.0\b|public domain|\bPDDL\b|unlicense", re.IGNORECASE),
}

#: What nobody has read may forbid as much as the strictest.
_RANK: Mapping[Kind, int] = {
    "unknown": 4,
    "restricted": 4,
    "non-commercial": 3,
    "share alike": 2,
    "attribution": 1,
    "free": 0,
}

#: Kind -> what a user must know of it, as a sentence about corpora, and what to do.
_ADVICE: Mapping[Kind, str] = {
    "unknown": "The licence of {} has no words that this card can rank. Read it before you share "
    "anything made from it.",
    "restricted": "The licence of {} allows research only, or binds its users to further terms. "
    "Ask the owners before you share anything made from it.",
    "non-commercial": "The licence of {} is non-commercial. Do not sell anything made from it.",
    "share alike": "The licence of {} asks for the same licence on what is made from it.",
}

#: The hub's names of licences that data have.
_HUB = frozenset(
    [
        *(f"cc-by-{version}" for version in ("2.0", "2.5", "3.0", "4.0")),
        *(f"cc-by-nc-{version}" for version in ("2.0", "3.0", "4.0")),
        *(f"cc-by-nc-sa-{version}" for version in ("2.0", "3.0", "4.0")),
        *("cc-by-sa-3.0", "cc-by-sa-4.0", "cc-by-nd-4.0", "cc-by-nc-nd-3.0", "cc-by-nc-nd-4.0"),
        *("cc0-1.0", "odbl", "odc-by", "pddl", "apache-2.0", "mit", "gpl-2.0", "gpl-3.0"),
        *("lgpl-3.0", "agpl-3.0", "bsd-2-clause", "bsd-3-clause", "unlicense"),
    ]
)
_ALIASES = {"odbl-1.0": "odbl", "odc-by-1.0": "odc-by", "pddl-1.0": "pddl", "cc0": "cc0-1.0"}

#: An address that a card links to; any other text of a source is shown as it is.
_ADDRESS = re.compile(r"https?://[\w.-]+(?::\d+)?(?:/[\w./%?=&#+~:-]*)?", re.ASCII)


@dataclass(frozen=True)
class Licence:
    """The strictest licence: `corpora` are those that have it, or another one as strict.

    `id` is the hub's, or `other`, which has a name and, if one corpus decides, a link.
    """

    id: str
    name: str | None
    link: str | None
    kinds: frozenset[Kind]
    corpora: tuple[CorpusCard, ...]

    @property
    def metadata(self) -> dict[str, Any]:
        found = {"license": self.id, "license_name": self.name, "license_link": self.link}
        return {key: value for key, value in found.items() if value}

    @property
    def warning(self) -> str:
        """What the user must know before sharing; empty if the licence asks for a name at most."""
        found = {
            kind: [card.title for card in self.corpora if kind_of(card.licence) == kind]
            for kind in _ADVICE
        }
        return " ".join(
            _ADVICE[kind].format(in_words(titles)) for kind, titles in found.items() if titles
        )


def strictest(corpora: Iterable[CorpusCard]) -> Licence:
    """The strictest licence of one corpus or several.

    Corpora that are as strict as each other and have different licences have no common one, so the
    result is `other` and names the corpora.
    """
    cards = list(corpora)
    most = max(_RANK[kind_of(card.licence)] for card in cards)
    top = [card for card in cards if _RANK[kind_of(card.licence)] == most]
    kinds = frozenset(kind_of(card.licence) for card in top)
    names = {hub_name(card.licence) for card in top}
    if len(names) == 1 and (name := names.pop()) in _HUB:
        return Licence(name, None, None, kinds, tuple(top))
    licences = {card.licence for card in top}
    name = _slug(top[0].licence) if len(licences) == 1 else ""
    name = name or f"terms-of-{_slug(' '.join(card.corpus for card in top))}"
    link = top[0].source if len(top) == 1 and is_address(top[0].source) else None
    return Licence("other", name[:96].rstrip("-."), link, kinds, tuple(top))


def kind_of(licence: str) -> Kind:
    """
    >>> kind_of("CC BY-NC-SA 4.0"), kind_of("ODbL 1.0"), kind_of("ask my uncle")
    ('non-commercial', 'share alike', 'unknown')
    """
    return next((kind for kind, words in _WORDS.items() if words.search(licence)), "unknown")


def hub_name(licence: str) -> str:
    """The hub's name of a licence, or what such a name would be.

    >>> hub_name("CC BY-NC-SA 4.0"), hub_name("ODbL 1.0")
    ('cc-by-nc-sa-4.0', 'odbl')
    """
    name = _slug(licence)
    return _ALIASES.get(name, name)


def is_address(source: str) -> bool:
    """Whether a source is an address without characters that end a link."""
    return _ADDRESS.fullmatch(source) is not None


def in_words(names: Iterable[str]) -> str:
    """
    >>> in_words(["a", "b", "c"])
    'a, b and c'
    """
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last


def _slug(text: str) -> str:
    """
    >>> _slug("My Licence, 1.0!")
    'my-licence-1.0'
    """
    return re.sub(r"[^a-z0-9.]+", "-", text.lower()).strip("-.")
