"""Writes the cards of a run."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from whyser.io.errors import InputError
from whyser.io.files import write_text
from whyser_eval.output.card.dataset import dataset_card
from whyser_eval.output.card.licence import Licence, strictest
from whyser_eval.output.card.model import model_card
from whyser_eval.output.card.sources import read_sources

_LANGUAGE = re.compile(r"[a-z]{2,3}|multilingual")


def write_cards(
    results: Path,
    output: Path,
    *,
    model: Path | None = None,
    data: Path | None = None,
    settings: Path | None = None,
    rationales: Sequence[Path] = (),
    system: str | None = None,
    languages: Sequence[str] = (),
) -> Licence:
    """Writes `model/README.md` and `dataset/README.md` to the folder `output`.

    The other arguments are those of `read_sources`.

    Returns: the licence that both cards name.

    Raises: as `read_sources`, and `InputError` for a language that the hub does not take; then
        nothing is written.
    """
    for one in languages:
        if not _LANGUAGE.fullmatch(one):
            what = f"no language {one!r}"
            raise InputError(what, cure="Give a code of ISO 639, such as en, or multilingual.")
    sources = read_sources(
        results,
        model=model,
        data=data,
        settings=settings,
        rationales=rationales,
        system=system,
        languages=languages,
    )
    licence = strictest(sources.trained)
    cards = {"model": model_card(sources, licence), "dataset": dataset_card(sources, licence)}
    for name, text in cards.items():
        write_text(output / name / "README.md", text)
    return licence
