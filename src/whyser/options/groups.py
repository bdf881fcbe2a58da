"""Options that several commands share: a dataclass, one field an option."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import MISSING, Field, fields, is_dataclass
from functools import wraps
from typing import Any, get_type_hints


def with_option_group(command: Callable[..., None]) -> Callable[..., None]:
    """Replaces each parameter that is a dataclass by one option for each of its fields.

    A field is annotated as a parameter of a typer command is. Typer reads the options from the
    signature, so the command that it sees has them all, those of the groups last.

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
    parameters = [_keyword(each) for each in declared if each.name not in groups]
    parameters += [option for group in groups.values() for option in _options(group)]

    @wraps(command)
    def flat(**given: Any) -> None:
        for name, group in groups.items():
            given[name] = group(**{each.name: given.pop(each.name) for each in fields(group)})
        command(**given)

    flat.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    flat.__annotations__ = {each.name: each.annotation for each in parameters}
    return flat


def _keyword(parameter: inspect.Parameter) -> inspect.Parameter:
    return parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)


def _options(group: Any) -> list[inspect.Parameter]:
    annotations = get_type_hints(group, include_extras=True)
    return [
        inspect.Parameter(
            each.name,
            inspect.Parameter.KEYWORD_ONLY,
            annotation=annotations[each.name],
            default=_default(each),
        )
        for each in fields(group)
    ]


def _default(field: Field[Any]) -> Any:
    return inspect.Parameter.empty if field.default is MISSING else field.default
