"""The options of a command that asks an endpoint: the same for every such command."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

import typer

if TYPE_CHECKING:
    from whyser.chat import ChatSettings

#: How a command sends the clip, ...
SoundForm: TypeAlias = Literal["data", "input_audio", "file", "path"]
#: ... 'none' for a model that only reads.
AudioForm: TypeAlias = Literal[SoundForm, "none"]

SOUND_HELP = (
    "How the clip is sent: 'data' and 'input_audio' as base64; 'file' as a file:// address and "
    "'path' as a bare path, which the server must be allowed to read"
)
AUDIO_HELP = f"{SOUND_HELP}; 'none' for a model that only reads."

DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Print requests, tokens and cost; ask nothing.")
]


def _settings(
    endpoint: Annotated[str, typer.Option(help="OpenAI-compatible address, with its /v1.")],
    model: Annotated[str, typer.Option(help="Model's name at the endpoint.")],
    concurrency: Annotated[int, typer.Option(min=1, help="Requests in flight.")] = 16,
    requests_per_minute: Annotated[float | None, typer.Option(help="[default: no limit]")] = None,
    tokens_per_minute: Annotated[float | None, typer.Option(help="[default: no limit]")] = None,
    timeout: Annotated[float, typer.Option(help="Seconds for one answer.")] = 120.0,
    max_requests: Annotated[
        int | None, typer.Option(help="Stop after as many requests. [default: no limit]")
    ] = None,
    max_cost: Annotated[
        float | None, typer.Option(help="Stop before it costs more. [default: no limit]")
    ] = None,
    price_in: Annotated[float, typer.Option(help="Price of a million tokens sent.")] = 0.0,
    price_out: Annotated[float, typer.Option(help="Price of a million tokens received.")] = 0.0,
    key_variable: Annotated[
        str, typer.Option(help="Environment variable that holds the key; never printed.")
    ] = "OPENAI_API_KEY",
) -> ChatSettings:
    from whyser.chat import ChatSettings

    return ChatSettings(
        endpoint=endpoint,
        model=model,
        key_variable=key_variable,
        concurrency=concurrency,
        requests_per_minute=requests_per_minute,
        tokens_per_minute=tokens_per_minute,
        timeout=timeout,
        max_requests=max_requests,
        max_cost=max_cost,
        price_in=price_in,
        price_out=price_out,
    )


def takes(
    name: str, options: Callable[..., Any]
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Gives a command the options of a function, and hands over as `name` what that makes of them.

    So commands that share options declare them once.
    """

    def given_options(command: Callable[..., None]) -> Callable[..., None]:
        own, shared = _parameters(command), _parameters(options)
        del own[name]

        @wraps(command)
        def asking(**given: Any) -> None:
            made = options(**{one: given.pop(one) for one in shared})
            command(**given, **{name: made})

        parameters = [
            each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in (own | shared).values()
        ]
        # typer builds a command from the signature and the annotations of its function.
        asking.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        asking.__annotations__ = {each.name: each.annotation for each in parameters}
        return asking

    return given_options


def _parameters(function: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    # What they give or take is imported when they run: a help text is wanted at once.
    later = {"ChatSettings": object}
    return dict(inspect.signature(function, locals=later, eval_str=True).parameters)


#: Gives a command the options of an endpoint, and hands them over as `settings`.
asks_endpoint = takes("settings", _settings)
