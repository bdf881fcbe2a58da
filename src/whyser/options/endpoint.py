"""The options of a command that asks a model at an endpoint."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

import typer

if TYPE_CHECKING:
    from whyser.chat import ChatSettings

#: How a command sends the clip; 'none' is for a model that only reads.
SoundForm: TypeAlias = Literal["data", "input_audio", "file", "path"]
AudioForm: TypeAlias = Literal[SoundForm, "none"]

SOUND_HELP = (
    "Send the clip as base64 ('data', 'input_audio'), or as a file:// address ('file') or a bare "
    "path ('path') that the server must be allowed to read"
)
AUDIO_HELP = f"{SOUND_HELP}; or send no sound ('none') to a model that only reads."

DryRun = Annotated[
    bool,
    typer.Option("--dry-run", help="Estimate the requests, the tokens and the cost; ask nothing."),
]

_option = partial(typer.Option, rich_help_panel="Endpoint")


@dataclass(frozen=True)
class EndpointOptions:
    """The endpoint, and the limits for its use."""

    endpoint: Annotated[
        str, typer.Option(help="Use this OpenAI-compatible address, which ends in /v1.")
    ]
    model: Annotated[str, typer.Option(help="Ask the model with this name at the endpoint.")]
    concurrency: Annotated[int, _option(min=1, help="Send up to this many requests at once.")] = 16
    requests_per_minute: Annotated[
        float | None, _option(help="Send at most this many requests a minute.  [default: no limit]")
    ] = None
    tokens_per_minute: Annotated[
        float | None, _option(help="Use at most this many tokens a minute.  [default: no limit]")
    ] = None
    timeout: Annotated[float, _option(help="Wait this many seconds for one answer.")] = 120.0
    max_requests: Annotated[
        int | None, _option(help="Stop after this many requests.  [default: no limit]")
    ] = None
    max_cost: Annotated[
        float | None, _option(help="Stop before the run costs more than this.  [default: no limit]")
    ] = None
    price_in: Annotated[
        float, _option(help="Compute the cost with this price for a million tokens sent.")
    ] = 0.0
    price_out: Annotated[
        float, _option(help="Compute the cost with this price for a million tokens received.")
    ] = 0.0
    api_key_env: Annotated[
        str,
        _option(
            "--api-key-env",
            "--key-variable",
            help="Take the key from this environment variable; it is never printed.",
        ),
    ] = "OPENAI_API_KEY"

    @property
    def settings(self) -> ChatSettings:
        """Raises: `InputError` for an impossible address or limit."""
        # Imported here, because a help text should appear at once.
        from whyser.chat import ChatSettings

        given = asdict(self)
        return ChatSettings(key_variable=given.pop("api_key_env"), **given)
