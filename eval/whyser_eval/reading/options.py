"""The options of commands that read answers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from whyser.io.errors import InputError

if TYPE_CHECKING:
    from whyser.chat import ChatSettings
    from whyser_eval.reading.readers import Reader

#: File of the model's replies in the folder of the output.
LEDGER = "reader.ledger.jsonl"

reader_option = partial(typer.Option, rich_help_panel="Reading of the answers")


@dataclass(frozen=True)
class ReaderOptions:
    """The reader, and the endpoint of its model if it has one."""

    reader_name: Annotated[
        Literal["rules", "llm", "hybrid"] | None,
        reader_option(
            "--reader",
            help="Read the answers by rules, by a model (llm), or by a model where the rules "
            "cannot (hybrid).  [default: rules; hybrid with --reader-endpoint]",
        ),
    ] = None
    reader_endpoint: Annotated[
        str | None,
        reader_option(
            help="Ask the reader's model at this OpenAI-compatible address, which ends in /v1."
        ),
    ] = None
    reader_model: Annotated[
        str | None, reader_option(help="Ask the model that has this name at the reader's endpoint.")
    ] = None
    reader_concurrency: Annotated[
        int, reader_option(min=1, help="Keep up to this many requests to the reader in flight.")
    ] = 16
    reader_max_tokens: Annotated[
        int,
        reader_option(
            min=32, help="Let a reply of the reader have this many tokens, its thinking included."
        ),
    ] = 1024
    reader_api_key_env: Annotated[
        str,
        reader_option(
            "--reader-api-key-env",
            "--reader-key-variable",
            help="Take the reader's key from this environment variable; it is never printed.",
        ),
    ] = "OPENAI_API_KEY"
    reader_cache: Annotated[
        Path | None,
        reader_option(
            help="Keep the reader's replies in this file; no request is sent twice.  "
            f"[default: {LEDGER} in the folder of the output]"
        ),
    ] = None
    grouping: Annotated[
        Path | None,
        reader_option(
            help="Use this frozen lexicon (see freeze).  [default: the one that is shipped]"
        ),
    ] = None

    @property
    def settings(self) -> ChatSettings | None:
        """The endpoint of the reader's model; None without one."""
        if self.reader_endpoint is None and self.reader_model is None:
            return None
        if not (self.reader_endpoint and self.reader_model):
            raise typer.BadParameter("--reader-endpoint and --reader-model belong together")
        from whyser.chat import ChatSettings

        return ChatSettings(
            self.reader_endpoint,
            self.reader_model,
            key_variable=self.reader_api_key_env,
            concurrency=self.reader_concurrency,
        )

    def ledger(self, folder: Path | None) -> Path | None:
        return self.reader_cache or (folder / LEDGER if folder else None)

    def reader(self, folder: Path | None) -> Reader:
        """The chosen reader; it keeps the model's replies in `folder` unless a file is given.

        Raises: `InputError` for a missing or an unused endpoint, or a broken lexicon.
        """
        # The client is slow to load, and `--help` needs neither lexicon nor rules.
        from whyser.labels.lexicon import read_lexicon
        from whyser_eval.reading.readers import RuleReader

        settings, ledger = self.settings, self.ledger(folder)
        name = self.reader_name or ("hybrid" if settings else "rules")
        table = read_lexicon(self.grouping) if self.grouping else None
        if name == "rules":
            if settings:
                raise InputError(
                    "the rules use no endpoint",
                    cure="Leave out --reader-endpoint, or choose hybrid.",
                )
            return RuleReader(table)
        if settings is None:
            raise InputError(
                f"reader '{name}' needs a model to ask",
                cure="Give --reader-endpoint URL and --reader-model NAME.",
            )
        if ledger is None:
            raise InputError(
                "no file for the model's replies", cure="Give --output or --reader-cache FILE."
            )
        from whyser_eval.reading.model_reader import HybridReader, ModelReader

        kind = HybridReader if name == "hybrid" else ModelReader
        return kind(settings, ledger, table, max_tokens=self.reader_max_tokens)
