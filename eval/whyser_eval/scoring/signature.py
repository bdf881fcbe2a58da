"""The signature of a score: what another lab must match before two values can be compared."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from whyser import __version__
from whyser.io.degraded import NAMES, degradation
from whyser.io.files import short_hash
from whyser_eval.metrics.declaration import is_macro


@dataclass(frozen=True)
class Signature:
    """What all scores of one system share; `render` adds what differs from score to score.

    `annotators` names the votes that make up A, `variants` counts the wordings or orders of a
    repeated question, `samples` the answers sampled for each; they are written only if they are not
    the default. `adapted` is "speaker" for a system that also used the speaker's other clips.
    `inclusive` is the hash of the references including those without a majority label.
    `rests_on` has what else each metric depends on (votes, words, cues, claims), with its hash.
    """

    corpora: frozenset[str]
    splits: frozenset[str]
    form: str
    control: str
    parser: str
    references: str
    prompts: frozenset[str]
    inclusive: str = ""
    annotators: str = "primary"
    variants: int = 1
    samples: int = 1
    adapted: str = ""
    rests_on: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def render(
        self, metric: str, *, subset: str, n: int, labels: int, unread: int, votes: str = ""
    ) -> str:
        """`name:value` pairs, version last; `votes` is the hash of those that define the subset.

        >>> signature = Signature(frozenset({"meld"}), frozenset({"test"}), "open", "none",
        ...     "rules-1+00000000", "3fa9c1d2", frozenset({"9c01aa7e"}))
        >>> rendered = signature.render("f1_majority", subset="all", n=20, labels=7, unread=1)
        >>> rendered.split("|")[-3:-1]
        ['refs:3fa9c1d2', 'prompt:9c01aa7e']
        """
        pairs = {
            "corpus": _joined(self.corpora),
            "split": _joined(self.splits),
            "form": self.form,
            "control": self.control,
            **({"degraded": NAMES[how]} if (how := degradation(self.control)) else {}),
            "subset": subset,
            "n": n,
            "labels": labels,
            **({"variants": self.variants} if self.variants != 1 else {}),
            **({"samples": self.samples} if self.samples != 1 else {}),
            **({"adapted": self.adapted} if self.adapted else {}),
            "avg": "macro" if is_macro(metric) else "none",
            **({"annotators": self.annotators} if self.annotators != "primary" else {}),
            "parser": self.parser,
            "unread": f"miss={unread}",
            "refs": self.inclusive if subset == "all_inclusive" else self.references,
            **({"votes": votes} if votes else {}),
            **self.rests_on.get(metric, {}),
            "prompt": _joined(self.prompts),
        }
        return signed(metric, pairs)


def signed(metric: str, pairs: Mapping[str, object]) -> str:
    """A signature: the metric, `name:value` pairs, our version last.

    >>> signed("win_rate", {"judge": "tiny", "n": 400})
    'win_rate|judge:tiny|n:400|whyser:0.1.0'
    """
    versioned = {**pairs, "whyser": __version__}
    return "|".join([metric, *(f"{name}:{value}" for name, value in versioned.items())])


#: More names than this are written as their number and one hash: wordings from a pool, or options
#: in random order, give thousands of prompts.
_NAMED = 4


def _joined(names: Iterable[str]) -> str:
    """
    >>> _joined(["b", "a"]), _joined("abcde")
    ('a+b', '5x52cf9f06')
    """
    found = sorted(names)
    if len(found) > _NAMED:
        return f"{len(found)}x{short_hash(' '.join(found))}"
    return "+".join(found) or "none"


#: id, label, annotators' labels, whether in the strict subset
ReferenceRow = tuple[str, str, Iterable[str], bool]


def references_hash(rows: Iterable[ReferenceRow], classes: Iterable[str]) -> str:
    """Hash of the references and the declared classes, each in any order.

    >>> rows = [("a/1", "sad", {"sad", "happy"}, False), ("a/2", "fear", {"fear"}, True)]
    >>> references_hash(rows, ["sad", "fear"]) == references_hash(rows[::-1], ["fear", "sad"])
    True
    """
    lines = (
        f"{id_}\t{label}\t{','.join(sorted(chosen))}\t{'strict' if strict else ''}"
        for id_, label, chosen, strict in rows
    )
    return rows_hash(lines, ",".join(sorted(classes)))


def rows_hash(rows: Iterable[str], *more: str) -> str:
    """Hash of rows in any order."""
    return short_hash("\n".join([*sorted(rows), *more]))
