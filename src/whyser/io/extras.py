"""Libraries that the base install leaves out, and the extras of ours that bring them."""

from __future__ import annotations

import importlib.util
import inspect
from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from typing import Any

import typer

from whyser.io.errors import WhyserError

#: Names at the package index that differ from the name in an import.
_AT_THE_INDEX = {
    "espeakng_loader": "espeakng-loader",
    "llamafactory": "LLaMA-Factory",
    "parselmouth": "praat-parselmouth",
    "sklearn": "scikit-learn",
}


def is_installed(library: str) -> bool:
    """Whether it can be imported; a folder of that name in the working directory is no library.

    >>> is_installed("json"), is_installed("no_such_library")
    (True, False)
    """
    spec = importlib.util.find_spec(library)
    return spec is not None and spec.origin is not None


def require(who: str, **libraries: Sequence[str]) -> None:
    """Refuses `who` unless the libraries of each extra are installed.

    Args:
        who: What needs them, as a user knows it: a command, an option.
        libraries: Of each extra in pyproject.toml, the names that are imported.

    Raises:
        WhyserError: It names all missing libraries at once, and the extras.

    >>> require("whyser-eval figure", figures=["json"])
    >>> require("whyser-eval figure", figures=["no_such_library"])
    Traceback (most recent call last):
        ...
    whyser.io.errors.WhyserError: whyser-eval figure needs no_such_library, which is not \
installed. Run: pip install 'whyser[figures]'
    """
    missing = {
        extra: [name for name in names if not is_installed(name)]
        for extra, names in libraries.items()
    }
    extras = [extra for extra, names in missing.items() if names]
    if extras:
        absent = [name for names in missing.values() for name in names]
        what = f"{who} needs {listed(absent)}, which {'are' if absent[1:] else 'is'} not installed"
        raise WhyserError(f"{what}. {install(extras)}")


def listed(libraries: Iterable[str]) -> str:
    """Their names for a sentence.

    >>> listed(["torch", "transformers", "sklearn"])
    'torch, transformers and scikit-learn'
    """
    *others, last = [_AT_THE_INDEX.get(name, name) for name in libraries]
    return f"{', '.join(others)} and {last}" if others else last


def install(extras: Iterable[str]) -> str:
    """The cure for a missing library; in quotes, for a shell reads brackets as a pattern.

    >>> install(["train", "qlora"])
    "Run: pip install 'whyser[train,qlora]'"
    """
    return f"Run: pip install 'whyser[{','.join(extras)}]'"


def needs(**libraries: Sequence[str]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Lets a command begin only where these libraries are installed; its help needs none of them.

    The libraries are those of `require`. A command that would import one late, after an hour of
    work, says at its start that it is missing.
    """

    def checked(command: Callable[..., None]) -> Callable[..., None]:
        @wraps(command)
        def checking(context: typer.Context, **given: Any) -> None:
            require(context.command_path, **libraries)
            command(**given)

        own = inspect.signature(command, eval_str=True).parameters
        context = inspect.Parameter(
            "context", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context
        )
        parameters = [context, *(each.replace(kind=context.kind) for each in own.values())]
        # typer builds a command from the signature and the annotations of its function.
        checking.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        checking.__annotations__ = {each.name: each.annotation for each in parameters}
        return checking

    return checked
