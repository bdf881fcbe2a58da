"""Lists the corpora; commands, checks and cards derive from this list."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from whyser.io.errors import InputError
from whyser_converters.corpora.spec import CorpusSpec

#: Each is a module of this package with a `SPEC` of that name.
_NAMES = (
    "msp_podcast",
    "iemocap",
    "meld",
    "crema_d",
    "ravdess",
)

CORPORA: dict[str, CorpusSpec] = {
    name: import_module(f"whyser_converters.corpora.{name}").SPEC for name in _NAMES
}


def check_folder(spec: CorpusSpec, corpus_dir: Path) -> None:
    """Raises: `InputError` when the folder is not this corpus, naming the one it looks like."""
    if not corpus_dir.is_dir():
        raise InputError("no such folder", file=corpus_dir, cure="Check the path.")
    if spec.is_at(corpus_dir):
        return
    raise InputError(
        f"is not a {spec.title} folder: found no {spec.markers[0]}",
        file=corpus_dir,
        cure=_what_it_is(spec, corpus_dir),
    )


def _what_it_is(spec: CorpusSpec, corpus_dir: Path) -> str:
    for other in CORPORA.values():
        if other.is_at(corpus_dir):
            return f"It looks like {other.title}: run 'whyser-convert {other.name}' on it."
    for folder in sorted(path for path in corpus_dir.iterdir() if path.is_dir()):
        if spec.is_at(folder):
            return f"Did you mean '{folder}'?"
    return "Give the folder that holds it."
