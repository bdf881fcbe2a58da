"""The options of a command that reads answers: the same for every such command."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from whyser.options.endpoint import takes

if TYPE_CHECKING:
    from whyser.chat import ChatSettings
    from whyser_eval.reading.readers import Reader

#: The model's replies, beside what they were asked for.
LEDGER = "reader.ledger.jsonl"


@dataclass(frozen=True)
class ReaderOptions:
    """Who shall read, and where the model is asked if one does."""

    name: Literal["rules", "llm", "hybrid"] | None
    endpoint: str | None
    model: str | None
    concurrency: int
    max_tokens: int
    key_variable: str
    cache: Path | None
    grouping: Path | None

    @property
    def settings(self) -> ChatSettings | None:
        """Of the model's endpoint; None without one."""
        if self.endpoint is None and self.model is None:
            return None
        if not (self.endpoint and self.model):
            raise typer.BadParameter("--reader-endpoint and --reader-model belong together")
        from whyser.chat import ChatSettings

        return ChatSettings(
            self.endpoint,
            self.model,
            key_variable=self.key_variable,
            concurrency=self.concurrency,
        )

    def ledger(self, folder: Path | None) -> Path | None:
        return self.cache or (folder / LEDGER if folder else None)

    def reader(self, folder: Path | None) -> Reader:
        """Args: `folder`, where the replies are kept unless another file is named."""
        from whyser_eval.reading.choice import choose_reader

        return choose_reader(
            self.name,
            self.settings,
            self.ledger(folder),
            grouping=self.grouping,
            max_tokens=self.max_tokens,
        )


def _options(
    reader: Annotated[
        Literal["rules", "llm", "hybrid"] | None,
        typer.Option(
            help="Who reads the answers: rules, a model (llm), or a model where the rules cannot "
            "(hybrid).  [default: rules; hybrid with --reader-endpoint]",
        ),
    ] = None,
    reader_endpoint: Annotated[
        str | None,
        typer.Option(
            help="OpenAI-compatible address of the model that reads, with its /v1.",
        ),
    ] = None,
    reader_model: Annotated[str | None, typer.Option(help="Its name there.")] = None,
    reader_concurrency: Annotated[int, typer.Option(min=1, help="Its requests in flight.")] = 16,
    reader_max_tokens: Annotated[
        int, typer.Option(min=32, help="Tokens of its reply, thinking included.")
    ] = 1024,
    reader_key_variable: Annotated[
        str, typer.Option(help="Environment variable that holds its key; never printed.")
    ] = "OPENAI_API_KEY",
    reader_cache: Annotated[
        Path | None,
        typer.Option(
            help="File of its replies; none is asked for twice.  "
            f"[default: {LEDGER} beside the output]"
        ),
    ] = None,
    grouping: Annotated[
        Path | None,
        typer.Option(
            help="Frozen table of words (see freeze).  [default: the one that is shipped]"
        ),
    ] = None,
) -> ReaderOptions:
    return ReaderOptions(
        reader,
        reader_endpoint,
        reader_model,
        reader_concurrency,
        reader_max_tokens,
        reader_key_variable,
        reader_cache,
        grouping,
    )


#: Gives a command the options of a reader, and hands them over as `reads`.
reads_answers = takes("reads", _options)
