"""Libraries that the base install lacks, and the extras that install them."""

from __future__ import annotations

import importlib.util
import inspect
from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from typing import Any

import typer

from whyser.io.errors import WhyserError

KEYWORD_ONLY = inspect.Parameter.KEYWORD_ONLY

#: Package names that differ from the names in an import.
_PACKAGES = {
    "espeakng_loader": "espeakng-loader",
    "llamafactory": "LLaMA-Factory",
    "parselmouth": "praat-parselmouth",
    "sklearn": "scikit-learn",
}


def is_installed(library: str) -> bool:
    """Whether it can be imported; a folder with this name in the working directory does not count.

    >>> is_installed("json"), is_installed("no_such_library")
    (True, False)
    """
    spec = importlib.util.find_spec(library)
    return spec is not None and spec.origin is not None


def require(who: str, **libraries: Sequence[str]) -> None:
    """Checks that the libraries of each extra are installed.

    Args:
        who: The command or option that needs them.
        libraries: Extra in pyproject.toml -> import names of its libraries.

    Raises: `WhyserError` with all missing libraries and the extras that install them.

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
    """The libraries' names as a list in a sentence.

    >>> listed(["torch", "transformers", "sklearn"])
    'torch, transformers and scikit-learn'
    """
    *others, last = [_PACKAGES.get(name, name) for name in libraries]
    return f"{', '.join(others)} and {last}" if others else last


def install(extras: Iterable[str]) -> str:
    """The cure for a missing library; it has quotes because shells expand brackets.

    >>> install(["train", "qlora"])
    "Run: pip install 'whyser[train,qlora]'"
    """
    return f"Run: pip install 'whyser[{','.join(extras)}]'"


def needs(**libraries: Sequence[str]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Makes a command check its libraries before it starts; its help needs none of them.

    The libraries are those of `require`. Without this check, a command could fail at a late import,
    after an hour of work.
    """

    def checked(command: Callable[..., None]) -> Callable[..., None]:
        @wraps(command)
        def checking(context: typer.Context, **given: Any) -> None:
            require(context.command_path, **libraries)
            command(**given)

        own = inspect.signature(command, eval_str=True).parameters.values()
        context = inspect.Parameter("context", KEYWORD_ONLY, annotation=typer.Context)
        return with_parameters(checking, [context, *own])

    return checked


def with_parameters(
    function: Callable[..., None], parameters: Iterable[inspect.Parameter]
) -> Callable[..., None]:
    """Sets the keyword parameters that typer reads from the function."""
    keywords = [each.replace(kind=KEYWORD_ONLY) for each in parameters]
    function.__signature__ = inspect.Signature(keywords)  # type: ignore[attr-defined]
    function.__annotations__ = {each.name: each.annotation for each in keywords}
    return function
