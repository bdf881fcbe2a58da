"""The commands `ask` and `listen`; heavy imports are inside, so that `--help` answers at once."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from typer import Argument, Option

from whyser.io.console import print_json, say
from whyser.io.errors import InputError, WhyserError
from whyser.io.visible import visible
from whyser.options.groups import with_option_group
from whyser_eval.asking.options import ModelOptions, ReferenceOptions

if TYPE_CHECKING:
    from whyser_eval.asking.answers import Asker, ClipAnswer

#: Where the report of a folder is written if no file is named.
REPORT = Path("answers.html")


@with_option_group
def ask_command(
    clips: Annotated[
        list[Path], Argument(help="Ask about these sound files, videos, or folders of them.")
    ],
    asked: ModelOptions,
    compared: ReferenceOptions,
    transcript: Annotated[
        str | None,
        Option(help="Measure the speaking rate by these words.  [default: what the model heard]"),
    ] = None,
    report: Annotated[
        Path | None,
        Option(
            help="Write the answers to this HTML file instead of printing them.  "
            f"[default: {REPORT} for a folder]"
        ),
    ] = None,
    as_json: Annotated[bool, Option("--json", help="Print the answers as a JSON list.")] = False,
) -> None:
    """Ask a model about a clip, and check what it says of the voice against the sound.

    Example: whyser-eval ask clip.wav --model saves/demo --gender female
    """
    from whyser.chat import EndpointError
    from whyser_eval.asking.answers import Asker
    from whyser_eval.asking.clips import find_clips
    from whyser_eval.asking.report import AnswersReport
    from whyser_eval.asking.terminal import print_legend

    paths = find_clips(clips)
    if transcript is not None and len(paths) > 1:
        raise InputError("--transcript has the words of one clip", cure="Give one clip with it.")
    if report is None and not as_json and any(one.is_dir() for one in clips):
        report = REPORT
    page = AnswersReport(report) if report is not None else None
    rows: list[dict[str, Any]] = []
    last: ClipAnswer | WhyserError | None = None
    failed = 0
    with closing(asked.system()) as system:
        references = compared.references(paths[0] if len(paths) == 1 else None)
        answers = _answers(Asker(system, references, transcript), paths)
        for path, one in zip(paths, answers, strict=True):
            failed += isinstance(one, WhyserError)
            if as_json:
                rows.append(_as_json(path, one))
            elif isinstance(one, WhyserError) and len(paths) == 1:
                raise one
            if page is not None:
                page.add(path, one)
            is_printed = (page is None and not as_json) or isinstance(one, EndpointError)
            # Why no further clip was asked about is said once.
            if is_printed and one is not last:
                _print(one)
            last = one
    if as_json:
        print_json(rows)
    if page is not None:
        page.write(system.name)
        say(f"{len(paths) - failed:,} of {len(paths):,} clips are answered -> {report}")
    elif failed < len(paths) and not as_json:
        print_legend()
    if failed:
        say(f"{failed:,} of {len(paths):,} clips have no answer")
        sys.exit(1)


def _answers(asker: Asker, clips: Sequence[Path]) -> Iterator[ClipAnswer | WhyserError]:
    """The answer about each clip, or why there is none; an endpoint that fails is asked no more."""
    from whyser.chat import EndpointError

    failing: EndpointError | None = None
    for clip in clips:
        if failing is not None:
            yield failing
            continue
        try:
            with _waiting(f"Asking {asker.system.name}"):
                found = asker.ask(clip)
        except EndpointError as error:
            failing = error
            yield error
        except WhyserError as error:
            yield error
        else:
            yield found


@with_option_group
def listen_command(
    asked: ModelOptions,
    compared: ReferenceOptions,
    host: Annotated[
        str, Option(help="Serve the page at this address; other machines cannot reach 127.0.0.1.")
    ] = "127.0.0.1",
    port: Annotated[
        int, Option(min=0, max=65535, help="Serve the page at this port; 0 takes a free one.")
    ] = 8765,
) -> None:
    """Serve a local page that records a voice, and shows the answer with its claims checked.

    Example: whyser-eval listen --model saves/demo
    """
    from whyser_eval.asking.listen.server import Listening, ListenServer

    with closing(asked.system()) as system:
        speaker = compared.of_speaker()
        listening = Listening(
            system, lambda gender: [*speaker, *compared.references_of(gender)], compared.gender
        )
        with ListenServer(listening, host, port) as server:
            say(f"{system.name} listens at {server.url}  (Ctrl-C ends it)")
            if not server.is_local:
                say("warning: other machines can ask it too, and browsers record only from here")
            with suppress(KeyboardInterrupt):
                server.serve_forever()


@contextmanager
def _waiting(what: str) -> Iterator[None]:
    """Shows that something goes on, if standard error is a terminal."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console

    with Console(stderr=True).status(visible(what)):
        yield


def _print(one: ClipAnswer | WhyserError) -> None:
    from whyser_eval.asking.terminal import print_answer, print_problem

    if isinstance(one, WhyserError):
        print_problem(one)
    else:
        print_answer(one)


def _as_json(path: Path, one: ClipAnswer | WhyserError) -> dict[str, Any]:
    return {"clip": str(path), "error": str(one)} if isinstance(one, WhyserError) else one.as_json()
