"""The forms of English verbs and adjectives, as far as the table of words needs them."""

from __future__ import annotations

import re

_VERB = re.compile(r"(\S+)(?: \(([^)]+)\))?(.*)")
#: One syllable that ends in a consonant after a single vowel doubles it: "drop", "dropping".
_DOUBLES = re.compile(r"[^aeiou]*(?:qu)?[aeiouy][^aeiouywx]")


def forms_of(verb: str) -> list[str]:
    """All forms of a verb, irregular ones in brackets; only the first word of a phrase changes.

    >>> forms_of("shoot (shot) up")[:4]  # "upward" too
    ['shoot up', 'shoots up', 'shooting up', 'shot up']
    >>> forms_of("slur"), forms_of("hurry")[1:]
    (['slur', 'slurs', 'slurring', 'slurred'], ['hurries', 'hurrying', 'hurried'])
    """
    found = _VERB.fullmatch(verb)
    if found is None:
        raise ValueError(f"{verb!r} is no verb: write it as 'rise (rose risen)'")
    base, irregular, rest = found[1], found[2], found[3]
    past = irregular.split() if irregular else [_joined(base, "ed")]
    forms = [f"{form}{rest}" for form in (base, _third(base), _joined(base, "ing"), *past)]
    is_way = rest in {" up", " down"}
    return [*forms, *(f"{form}ward{s}" for form in forms for s in ("", "s") if is_way)]


def degrees_of(adjective: str) -> list[str]:
    """An adjective and its degrees.

    >>> degrees_of("hasty"), degrees_of("drawn out")
    (['hasty', 'hastier', 'hastiest'], ['drawn out'])
    """
    if " " in adjective:
        return [adjective]
    return [adjective, _joined(adjective, "er"), _joined(adjective, "est")]


def adverb_of(adjective: str) -> str:
    """An adjective's adverb.

    >>> [adverb_of(each) for each in ("loud", "hasty", "frantic", "feeble")]
    ['loudly', 'hastily', 'frantically', 'feebly']
    """
    if adjective.endswith("le"):
        return f"{adjective[:-1]}y"
    if adjective.endswith("ic"):
        return f"{adjective}ally"
    return f"{adjective[:-1]}ily" if _ends_in_y(adjective) else f"{adjective}ly"


def _third(verb: str) -> str:
    if _ends_in_y(verb):
        return f"{verb[:-1]}ies"
    return f"{verb}es" if verb.endswith(("s", "x", "z", "ch", "sh", "o")) else f"{verb}s"


def _joined(word: str, ending: str) -> str:
    if word.endswith("e") and not (word.endswith("ee") and ending == "ing"):
        return f"{word[:-1]}{ending}"
    if _ends_in_y(word) and ending != "ing":
        return f"{word[:-1]}i{ending}"
    return f"{word}{word[-1]}{ending}" if _DOUBLES.fullmatch(word) else f"{word}{ending}"


def _ends_in_y(word: str) -> bool:
    return word.endswith("y") and word[-2:-1] not in "aeiou"
