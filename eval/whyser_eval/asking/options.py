"""The options of `ask` and `listen`: whom to ask, and with whom to compare the voice."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from whyser.io.errors import InputError
from whyser.prompting.prompts import Form

if TYPE_CHECKING:
    from whyser_eval.asking.references import Gender, Reference
    from whyser_eval.asking.systems import AskedSystem

_model = partial(typer.Option, rich_help_panel="Model")
_reference = partial(typer.Option, rich_help_panel="Comparison of the voice")


@dataclass(frozen=True)
class ModelOptions:
    """A checkpoint on this disk, or a model at an endpoint."""

    model: Annotated[
        str,
        typer.Option(
            help="Ask the checkpoint in this folder, or with --endpoint the model of this name."
        ),
    ]
    endpoint: Annotated[
        str | None, typer.Option(help="Ask at this OpenAI-compatible address, which ends in /v1.")
    ] = None
    form: Annotated[
        Form, _model(help="Ask for the emotion (open), or for one of nine lettered options.")
    ] = "open"
    template: Annotated[
        Literal["official", "whyser"] | None,
        _model(
            help="Ask a checkpoint with its own prompt template (official), or with that of our "
            "training (whyser).  [default: that of its training]"
        ),
    ] = None
    max_tokens: Annotated[int, _model(min=1, help="Let an answer have this many new tokens.")] = 512
    timeout: Annotated[float, _model(help="Wait this many seconds for an endpoint.")] = 120.0
    api_key_env: Annotated[
        str, _model(help="Take the key from this environment variable; it is never printed.")
    ] = "OPENAI_API_KEY"

    def system(self) -> AskedSystem:
        """The system to ask; a checkpoint begins to load.

        Raises: `InputError` for a folder without a model, and for an impossible address.
        """
        from whyser.chat import ChatSettings
        from whyser_eval.asking.systems import EndpointSystem, LocalSystem

        if self.endpoint is None:
            folder = Path(self.model)
            if not folder.exists():
                cure = "Give the folder of a checkpoint, or --endpoint for a model that is served."
                raise InputError("no such folder", file=folder, cure=cure)
            return LocalSystem(folder, self.form, self.max_tokens, self.template)
        if self.template is not None:
            what = "--template is for a checkpoint; a server has its own"
            raise InputError(what, cure="Leave it out.")
        # A person waits: a server that is away should be named soon.
        settings = ChatSettings(
            self.endpoint,
            self.model,
            key_variable=self.api_key_env,
            timeout=self.timeout,
            concurrency=1,
            attempts=2,
            outage=30.0,
            is_resumable=False,
        )
        return EndpointSystem(settings, self.form, self.max_tokens)


@dataclass(frozen=True)
class ReferenceOptions:
    """With whom the voice is compared."""

    speaker_clips: Annotated[
        list[Path] | None,
        _reference(
            help="Compare the voice with these other clips of the speaker (8 or more), a folder "
            "or files; repeatable."
        ),
    ] = None
    corpus: Annotated[
        Path | None,
        _reference(help="Compare the voice with the speakers of this utterances.jsonl."),
    ] = None
    cues: Annotated[
        Path | None, _reference(help="Read the cues of --corpus from this cues.jsonl.")
    ] = None
    gender: Annotated[
        Literal["female", "male"] | None,
        _reference(help="Compare the voice with those of this gender only."),
    ] = None

    def references(self, asked: Path | None = None) -> list[Reference]:
        """The references, the best first; `asked` is no other clip of its own speaker.

        Raises: `InputError` for clips or files that cannot be read, or are too few.
        """
        return [*self.of_speaker(asked), *self.references_of(self.gender)]

    def of_speaker(self, asked: Path | None = None) -> list[Reference]:
        """That of the speaker's other clips, if they are given."""
        from whyser_eval.asking.clips import find_clips
        from whyser_eval.asking.references import of_speaker

        if not self.speaker_clips:
            return []
        own = asked.resolve() if asked else None
        return [of_speaker([one for one in find_clips(self.speaker_clips) if one.resolve() != own])]

    def references_of(self, gender: Gender | None) -> list[Reference]:
        """Those of a corpus, if one is given, and of people in general."""
        from whyser_eval.asking.references import of_corpus, population

        if (self.corpus is None) != (self.cues is None):
            cure = "Give both; whyser-teach cues writes the second."
            raise InputError("--corpus and --cues belong together", cure=cure)
        found = [population(gender)]
        if self.corpus is not None and self.cues is not None:
            found.insert(0, of_corpus(self.corpus, self.cues, gender))
        return found
