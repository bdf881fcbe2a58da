"""Options that several commands share: a dataclass with one field per option."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from functools import wraps
from typing import Any

from whyser.io.extras import with_parameters


def with_option_group(command: Callable[..., None]) -> Callable[..., None]:
    """Replaces each parameter that is a dataclass by one option per field.

    Fields are annotated like the parameters of a typer command. The options of the groups follow
    the command's own options.

    >>> from dataclasses import dataclass
    >>> @dataclass(frozen=True)
    ... class Size:
    ...     width: int
    ...     height: int = 1
    >>> def draw(size: Size, name: str) -> None:
    ...     print(name, size.width * size.height)
    >>> inspect.signature(with_option_group(draw))
    <Signature (*, name: str, width: int, height: int = 1)>
    >>> with_option_group(draw)(name="box", width=2, height=3)
    box 6
    """
    declared = inspect.signature(command, eval_str=True).parameters.values()
    groups: dict[str, Any] = {
        each.name: each.annotation for each in declared if is_dataclass(each.annotation)
    }
    parameters = [each for each in declared if each.name not in groups]
    for group in groups.values():
        parameters += inspect.signature(group, eval_str=True).parameters.values()

    @wraps(command)
    def flat(**given: Any) -> None:
        for name, group in groups.items():
            given[name] = group(**{each.name: given.pop(each.name) for each in fields(group)})
        command(**given)

    return with_parameters(flat, parameters)
