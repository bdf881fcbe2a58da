"""Answers with their rationales as the paper's Table 2, in LaTeX with coloured spans.

Yellow is what refers to the words, green the predicted emotion, blue what refers to the voice. The
colours come from the text (`highlights`), so rationales that were never measured have them too.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

from whyser.io.errors import InputError, did_you_mean
from whyser.io.files import write_text
from whyser.prompting.prompts import Form
from whyser_eval.explanations.highlights import Kind, Piece, pieces, stated_claims
from whyser_eval.explanations.scored import SAMPLES, Explainer, Explanation, read_explanations
from whyser_eval.output.table.render import latex_text, printable

#: The macro of each kind; a claim is the most specific part of what refers to the voice.
_MACROS: Mapping[Kind, str] = {
    "content": r"\whysercontent",
    "misheard": r"\whysercontent",
    "prediction": r"\whyserprediction",
    "acoustic": r"\whyseracoustic",
    "claim": r"\whyseracoustic",
}

# A box for each word lets lines break, and needs no package that reads its text letter by letter.
_HEAD = r"""% needs \usepackage{array,booktabs,xcolor}
% texts beyond Latin letters need XeLaTeX or LuaLaTeX
% define these macros before this file for other colours
\providecommand{\whysermark}[2]{{\setlength{\fboxsep}{0pt}\colorbox{#1}{\strut #2}}\allowbreak}
\providecommand{\whysercontent}[1]{\whysermark{yellow!45}{#1}}
\providecommand{\whyserprediction}[1]{\whysermark{green!30}{#1}}
\providecommand{\whyseracoustic}[1]{\whysermark{cyan!25}{#1}}
\begin{table*}[t]
\centering\small
\caption{Rationales on sample utterances: the predicted label and the model's reasons for it.
\whysercontent{Yellow} refers to the words, \whyserprediction{green} is the predicted emotion,
\whyseracoustic{blue} refers to the voice.}"""


def write_examples(
    results: Sequence[Path],
    systems: Sequence[str],
    output: Path,
    *,
    form: Form = "open",
    ids: Sequence[str] = (),
    count: int = 3,
) -> int:
    """Writes a `table*` with a row for each utterance and a column for each system.

    Args: `ids`, the utterances to show, in this order; without them `count` of those for which all
        systems have a rationale: the ones whose ids have the smallest hashes, so that nobody
        picks them.

    Returns: the number of rows.

    Raises: as `read_explanations`; `InputError` for an id without a rationale of each system, and
        where no utterance has one.
    """
    found = read_explanations(results, systems, form=form)
    shared = set.intersection(*(set(one.by_id) for one in found.values()))
    if not shared:
        cure = "Name fewer systems."
        raise InputError("no utterance has a rationale of every system", cure=cure)
    _refuse_unknown(ids, shared, results[0] / SAMPLES)
    chosen = list(dict.fromkeys(ids)) or sorted(shared, key=_hash)[:count]
    write_text(output, _table(chosen, list(found.values())))
    return len(chosen)


def _refuse_unknown(ids: Sequence[str], shared: Collection[str], path: Path) -> None:
    for id_ in ids:
        if id_ not in shared:
            what = f"{id_!r} has no rationale of every system"
            raise InputError(what, file=path, cure=did_you_mean(id_, sorted(shared)))


def _hash(id_: str) -> bytes:
    return hashlib.sha256(id_.encode()).digest()


def _table(ids: Sequence[str], systems: Sequence[Explainer]) -> str:
    width = f"{0.76 / len(systems):.2f}"
    columns = rf"*{{{len(systems)}}}{{>{{\raggedright\arraybackslash}}p{{{width}\textwidth}}}}"
    names = " & ".join(latex_text(printable(one.system)) for one in systems)
    lines = [_HEAD, rf"\begin{{tabular}}{{ll{columns}}}", r"\toprule"]
    lines += [rf"ID & MV label & {names} \\", r"\midrule"]
    for id_ in ids:
        own = [one.by_id[id_] for one in systems]
        cells = [latex_text(printable(id_)), _label(own[0].gold), *map(_cell, own)]
        lines.append(" & ".join(cells) + r" \\[1ex]")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", r"\end{table*}", ""])


def _label(label: str | None) -> str:
    return latex_text(label.capitalize()) if label else "--"


def _cell(one: Explanation) -> str:
    """The label, a dash, and the rationale."""
    claims = stated_claims(one.text, one.transcript)
    found = pieces(one.text, claims, said=one.transcript, prediction=one.label)
    label = Piece(one.label.capitalize(), "prediction")
    return f"{_marked(label)} --- {''.join(map(_marked, found))}".strip()


def _marked(piece: Piece) -> str:
    """
    >>> _marked(Piece("a low  voice", "acoustic"))
    '\\\\whyseracoustic{a }\\\\whyseracoustic{low }\\\\whyseracoustic{voice}'
    """
    return "".join(_words(piece.text, _MACROS[piece.kind] if piece.kind else None))


def _words(text: str, macro: str | None) -> Iterator[str]:
    for word in re.findall(r"\S+\s*|\s+", text):
        # The space belongs to the box, so that a span has no gaps; line breaks are spaces.
        shown = latex_text(word.rstrip()) + (" " if word[-1:].isspace() else "")
        yield f"{macro}{{{shown}}}" if macro and shown.strip() else shown
