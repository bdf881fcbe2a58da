"""`whyser-teach`: measure cues of utterances and write rationales."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

import typer

from whyser.io.console import new_app, print_table, run, say
from whyser.io.extras import needs
from whyser.options.endpoint import AUDIO_HELP, AudioForm, DryRun, EndpointOptions
from whyser.options.groups import with_option_group
from whyser.teacher.filters import Leak
from whyser.teacher.lesson import MAX_TOKENS, Lesson
from whyser.teacher.rationale import Labels

app = new_app("Measure the sound and write the rationales that a model trains on.")

#: The help panels for options that few runs need.
CHECKS = "Checks and repeats"
OTHER_SPLITS = "Splits other than train"

Utterances = Annotated[Path, typer.Argument(help="Read this utterances.jsonl of one corpus.")]
Output = Annotated[Path, typer.Option(help="Write this file.")]
Labels_ = Annotated[
    Labels,
    typer.Option(
        help="Explain the majority label, or every annotator's label too (annotators), for "
        "sharegpt --labels sampled."
    ),
]
ReferenceForStudy = Annotated[
    bool,
    typer.Option(
        "--reference-for-study",
        help="Allow a test split: its rationales are references in a human study and are never "
        "training data.",
        rich_help_panel=OTHER_SPLITS,
    ),
]
Ids = Annotated[
    Path | None,
    typer.Option(
        help="Explain only the ids in this file, which has one per line, as `whyser-eval study "
        "make` writes it.  [default: the whole split]"
    ),
]


@app.command()
@needs(acoustics=["parselmouth"])
def cues(
    utterances: Utterances,
    output: Output,
    voice_quality: Annotated[
        bool,
        typer.Option(
            "--voice-quality/--no-voice-quality",
            help="Measure HNR, jitter, shimmer and spectral tilt too; it takes five times as long.",
        ),
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Write nothing if a clip cannot be read.")
    ] = False,
) -> None:
    """Measure pitch, loudness, rate and pauses, each relative to its speaker.

    A measure that a clip does not show reliably is left out with its reason, such as background
    noise. If a clip cannot be read, its cues are empty and the command names it at the end.

    Example: whyser-teach cues data/demo/corpora/crema_d/utterances.jsonl --output cues.jsonl
    """
    from whyser.evidence.cues import FAMILIES, MEASURES, Cues, measure_corpus
    from whyser.io.errors import BadInput, Problems
    from whyser.io.files import write_jsonl
    from whyser.records.corpus import Corpus

    levels: Counter[tuple[str, str]] = Counter()
    reasons: Counter[tuple[str, str]] = Counter()
    shown = MEASURES if voice_quality else (*FAMILIES, "loudness_range")

    def counted(records: Iterator[Cues]) -> Iterator[str]:
        for record in records:
            for name in shown:
                cue = getattr(record, name)
                levels[name, cue.level if cue else "unmeasured"] += 1
            reasons.update((reason, name) for name, reason in record.unmeasured.items())
            yield record.model_dump_json()

    unreadable = Problems(utterances)
    records = measure_corpus(
        Corpus(utterances), voice_quality=voice_quality, problems=None if strict else unreadable
    )
    count = write_jsonl(output, counted(records))
    names = ["low", "normal", "high", "unmeasured"]
    rows = [[measure, *(levels[measure, name] for name in names)] for measure in shown]
    print_table(f"Cues of {count:,} utterances -> {output}", ["measure", *names], rows)
    for reason in sorted({reason for reason, _ in reasons}):
        found = [f"{name} {reasons[reason, name]:,}" for name in shown if reasons[reason, name]]
        say(f"not measurable, {reason}: {', '.join(found)}")
    if unreadable.found:
        say(f"skipped: {BadInput(unreadable.found, str(utterances))}")


@app.command()
def measured(
    utterances: Utterances,
    output: Output,
    cues: Annotated[Path, typer.Option(help="Read this cues.jsonl of the same utterances.")],
    split: Annotated[
        list[str] | None,
        typer.Option(help="Explain this split; repeatable.  [default: train and dev]"),
    ] = None,
    labels: Labels_ = "majority",
    reference_for_study: ReferenceForStudy = False,
    ids: Ids = None,
    seed: Annotated[int, typer.Option(help="Seed the wording.")] = 0,
) -> None:
    """Write rationales from measured cues and the spoken words, without a model.

    The dev split is only for the evaluation loss; a test split is refused, except for a study.

    Example: whyser-teach measured utterances.jsonl --cues cues.jsonl --output rationales.jsonl
    """
    from whyser.evidence.cues import read_cues
    from whyser.io.errors import InputError
    from whyser.records.corpus import Corpus
    from whyser.teacher.measured import write_rationales_for
    from whyser.teacher.rationale import Rationale, write_rationales
    from whyser.teacher.wanted import read_ids, report_absent

    splits = split or ["train", "dev"]
    tests = [name for name in splits if name.startswith("test")]
    if tests and not reference_for_study:
        raise InputError(
            f"rationales for split {', '.join(tests)} are refused",
            cure="They are for training data only; for a human study, which trains nothing, add "
            "--reference-for-study.",
        )
    tally: Counter[str] = Counter()

    def counted(records: Iterator[Rationale]) -> Iterator[Rationale]:
        for record in records:
            tally["kept" if record.kept else f"dropped: {', '.join(record.reasons)}"] += 1
            yield record

    wanted = read_ids(ids)
    chosen = [
        one
        for one in Corpus(utterances).utterances()
        if one.split in splits and (wanted is None or one.id in wanted)
    ]
    # A corpus that is pooled for training has no dev split; another missing split is a typo.
    if not chosen and (ids or not {"train", "dev"} >= set(splits)):
        among = f" among the ids in {ids}" if ids else ""
        raise InputError(
            f"no utterance of split {', '.join(splits)}{among}",
            file=utterances,
            cure="Check --split; corpus.json in the same folder lists the splits.",
        )
    report_absent(ids, chosen)
    records = write_rationales_for(chosen, read_cues(cues), seed=seed, labels=labels)
    count = write_rationales(output, counted(records))
    rows = [[name, number, f"{number / count:.1%}"] for name, number in tally.most_common()]
    print_table(f"{count:,} rationales -> {output}", ["outcome", "count", "share"], rows)


@app.command()
@with_option_group
def listening(
    utterances: Annotated[
        list[Path], typer.Argument(help="Read these utterances.jsonl, one for each corpus.")
    ],
    output: Output,
    asked: EndpointOptions,
    cues: Annotated[
        list[Path] | None,
        typer.Option(
            help="Drop a rationale that contradicts the measurements in this cues.jsonl; repeat "
            "it for each corpus."
        ),
    ] = None,
    evidence: Annotated[
        Literal["none", "measured"],
        typer.Option(help="Put the measured cues into the prompt, or no evidence."),
    ] = "none",
    audio: Annotated[AudioForm, typer.Option(help=AUDIO_HELP)] = "data",
    prompt: Annotated[
        Path | None,
        typer.Option(
            help="Use the prompt in this file, with $CONTENT, $EMOTION and, if needed, $EVIDENCE.  "
            "[default: the paper's]"
        ),
    ] = None,
    split: Annotated[str, typer.Option(help="Explain this split.")] = "train",
    reference_for_study: ReferenceForStudy = False,
    for_evaluation_loss: Annotated[
        bool,
        typer.Option(
            "--for-evaluation-loss",
            help="Allow the dev split: its rationales are only for the evaluation loss of a "
            "training, which should be that of the same teacher's texts.",
            rich_help_panel=OTHER_SPLITS,
        ),
    ] = False,
    ids: Ids = None,
    leak: Annotated[
        Leak,
        typer.Option(
            help="Reject a rationale that mentions the label: by its 'exact' word only, by its "
            "'stem' too, or by a 'synonym' too.",
            rich_help_panel=CHECKS,
        ),
    ] = "stem",
    new_attempts: Annotated[
        int,
        typer.Option(
            min=0,
            help="Ask again up to this many times for a rationale that is rejected.",
            rich_help_panel=CHECKS,
        ),
    ] = 3,
    labels: Labels_ = "majority",
    max_tokens: Annotated[
        int,
        typer.Option(
            min=1,
            help="Let an answer have this many tokens, its thinking included.",
            rich_help_panel=CHECKS,
        ),
    ] = MAX_TOKENS,
    seed: Annotated[int, typer.Option(help="Seed the sampling with this number.")] = 0,
    max_samples: Annotated[
        int | None,
        typer.Option(min=1, help="Ask about the first N only, in the order of the training rows."),
    ] = None,
    enough: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Stop when N utterances have a rationale that passed the checks; give the "
            "max_samples of the training.",
            rich_help_panel=CHECKS,
        ),
    ] = None,
    dry_run: DryRun = False,
) -> None:
    """Have a model that listens explain the label of every training utterance (paper, 2.1).

    The answers are kept in OUTPUT's ledger: after a stop, run the same command again to continue.

    Example: whyser-teach listening utterances.jsonl --cues cues.jsonl --output rationales.jsonl
    --endpoint http://localhost:8000/v1 --model Qwen/Qwen2.5-Omni-7B
    """
    from whyser.teacher.lesson import choose_prompt
    from whyser.teacher.session import TeacherSession

    settings = asked.settings
    chosen = choose_prompt(measured=evidence == "measured", hears=audio != "none", file=prompt)
    lesson = Lesson(chosen, audio, leak, 1 + new_attempts, seed, max_tokens)
    session = TeacherSession(
        utterances,
        lesson,
        split=split,
        is_for_study=reference_for_study,
        is_for_loss=for_evaluation_loss,
        ids=ids,
        cues=cues or (),
        max_samples=max_samples,
        enough=enough,
        labels=labels,
    )
    if dry_run:
        session.print_estimate(settings, output)
    else:
        session.run(settings, output)


def main() -> None:
    run(app)
