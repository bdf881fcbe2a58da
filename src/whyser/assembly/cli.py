"""`whyser-speechlm`: models of pretrained parts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from whyser.io.console import new_app, print_json, print_table, run, say
from whyser.io.errors import InputError
from whyser.io.extras import needs, require

if TYPE_CHECKING:
    from whyser.assembly.recipes import Changes

app = new_app("Assemble a model of pretrained parts, so that llamafactory-cli can train it.")


def change(help_text: str, option: str = "", **settings: Any) -> Any:
    """An option that replaces a setting of the recipe."""
    names = [option] if option else []
    return typer.Option(
        *names,
        help=f"{help_text}  [default: the recipe's]",
        rich_help_panel="Changes of the recipe",
        **settings,
    )


@app.command()
@needs(train=["torch", "transformers"])
def build(
    recipe: Annotated[
        str,
        typer.Argument(
            help="Follow this recipe: qwen2_audio, dual_encoder, vib_hubert or semollm."
        ),
    ],
    llm: Annotated[
        str, typer.Option(help="Use this decoder-only language model, or that of a Qwen2-Audio.")
    ],
    output: Annotated[Path, typer.Option(help="Write the checkpoint to this folder.")],
    speech: Annotated[
        str | None, typer.Option(help="Use the speech encoder of this Whisper or Qwen2-Audio.")
    ] = None,
    emotion: Annotated[
        str | None,
        typer.Option(
            help="Use this emotion encoder: a WavLM, HuBERT, wav2vec 2.0, or a trained baseline."
        ),
    ] = None,
    fusion: Annotated[
        Literal["sequence", "feature"] | None,
        change("Concatenate the branches (sequence) or add them (feature)."),
    ] = None,
    content_tokens: Annotated[
        int | None, change("Give the words of a clip this many tokens.", min=1)
    ] = None,
    emotion_tokens: Annotated[
        int | None, change("Give the voice of a clip this many tokens.", min=1)
    ] = None,
    width: Annotated[int | None, change("Give the connectors this inner width.", min=1)] = None,
    depth: Annotated[int | None, change("Give a Q-Former this many layers.", min=1)] = None,
    heads: Annotated[int | None, change("Give a Q-Former this many heads.", min=1)] = None,
    content_beta: Annotated[
        float | None, change("Weight the KL term of the words' bottleneck by this.", min=0)
    ] = None,
    emotion_beta: Annotated[
        float | None, change("Weight the KL term of the voice's bottleneck by this.", min=0)
    ] = None,
    alternate: Annotated[
        bool | None,
        change(
            "Train only the branch of a sample's task, except in the last epoch.",
            option="--alternate/--no-alternate",
        ),
    ] = None,
    window: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="With qwen2_audio, hear this many seconds of a clip; the encoder then takes less "
            "time.  [default: the encoder's window, 30 for Whisper]",
        ),
    ] = None,
    add_tokens: Annotated[
        bool,
        typer.Option(
            "--add-tokens", help="Add the tokens for turns and sound that the tokenizer lacks."
        ),
    ] = False,
    seed: Annotated[int, typer.Option(help="Seed the connectors' initial weights.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print the parts as JSON.")] = False,
) -> None:
    """Assemble a checkpoint of pretrained parts, and print which parts train.

    Parts are folders or hub names; folders need no network. qwen2_audio is a native Qwen2-Audio.
    The checkpoints of the other recipes include their code, so llamafactory-cli trains them with
    trust_remote_code: true.

    Example: whyser-speechlm build dual_encoder --speech openai/whisper-large-v3
    --emotion microsoft/wavlm-large --llm Qwen/Qwen2.5-7B-Instruct --add-tokens
    --output models/dual_encoder
    """
    from whyser.assembly.recipes import NATIVE, Changes, recipe_of

    changes = Changes(
        fusion=fusion,
        content_tokens=content_tokens,
        emotion_tokens=emotion_tokens,
        width=width,
        depth=depth,
        heads=heads,
        content_beta=content_beta,
        emotion_beta=emotion_beta,
        alternates=alternate,
    )
    given = {"speech": speech, "emotion": emotion, "llm": llm}
    parts = {kind: name for kind, name in given.items() if name is not None}
    options: dict[str, Any] = {"adds_tokens": add_tokens, "seed": seed}
    if recipe == NATIVE:
        _refuse_changes(changes)
        from whyser.assembly.native import build_native

        model = build_native(parts, output, window=window, **options)
        tokens = f"{model.config.audio_config.max_source_positions // 2} tokens at most"
        _print_parts(f"{recipe}: {tokens}", model, as_json=as_json)
        say(f"Wrote {output}. Train its multi_modal_projector first: docs/models.md.")
        return
    # Wrong settings are reported before gigabytes of weights are loaded.
    chosen = recipe_of(recipe, changes)
    if window is not None:
        raise InputError(f"{recipe} has no window of its own", cure="Leave --window out.")
    from whyser.assembly.build import build as build_it

    model = build_it(chosen, parts, output, **options)
    names = _print_parts(f"{recipe}: {model.config.audio_tokens} tokens", model, as_json=as_json)
    connectors = ",".join(name for name in names if name.endswith("_connector"))
    say(f"Wrote {output}. Train it with trust_remote_code: true; its connectors are {connectors}.")


def _refuse_changes(changes: Changes) -> None:
    for key, value in vars(changes).items():
        if value is not None:
            option = "alternate" if key == "alternates" else key.replace("_", "-")
            cure = f"Leave --{option} out."
            raise InputError(f"qwen2_audio has no setting {key}", cure=cure)


def _print_parts(title: str, model: Any, *, as_json: bool) -> list[str]:
    """Prints the parts with their size, and returns their names."""
    from whyser.assembly.build import parts_of

    rows = list(parts_of(model))
    if as_json:
        print_json([vars(part) for part in rows])
    else:
        total = sum(part.parameters for part in rows)
        print_table(
            f"{title} a clip",
            ("part", "parameters", "trains"),
            [
                *((part.name, f"{part.parameters:,}", part.trains) for part in rows),
                ("all", f"{total:,}", ""),
            ],
        )
    return [part.name for part in rows]


@app.command()
@needs(train=["torch", "transformers"], baselines=["sklearn"])
def probe(
    model: Annotated[
        Path, typer.Argument(help="Probe the model in this folder, as built or as trained.")
    ],
    utterances: Annotated[
        list[Path], typer.Argument(help="Read these utterances.jsonl, one for each corpus.")
    ],
    cues: Annotated[list[Path], typer.Option(help="Read this cues.jsonl of the corpora.")],
    adapter: Annotated[
        Path | None, typer.Option(help="Load the LoRA in this folder, connectors included.")
    ] = None,
    split: Annotated[
        str | None, typer.Option(help="Test on this split.  [default: the only test split]")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed the sampling of a bottleneck.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
) -> None:
    """Show what each branch encodes: words, emotion, and the measured voice.

    A linear classifier of each branch's tokens is fitted on the training split. The command prints
    its mean recall over classes; for words, these are whether each frequent word was said.

    Example: whyser-speechlm probe saves/speechlm_freeze_sft_vibhubert utterances.jsonl
    --adapter saves/speechlm_lora_sft_vibhubert --cues cues.jsonl
    """
    if adapter:
        require("whyser-speechlm probe --adapter", train=["peft"])
    from whyser.assembly.probe import probe as probe_it

    rows = list(probe_it(model, utterances, cues, adapter=adapter, split=split, seed=seed))
    if as_json:
        print_json([vars(row) for row in rows])
        return
    branches = sorted({row.branch for row in rows})
    told = {(row.branch, row.what): row for row in rows}
    print_table(
        "Mean recall of a linear probe",
        ("what", "chance", *branches, "n"),
        [
            (
                row.what,
                f"{row.chance:.3f}",
                *(f"{told[branch, row.what].recall:.3f}" for branch in branches),
                f"{row.n:,}",
            )
            for row in rows
            if row.branch == branches[0]
        ],
    )


def main() -> None:
    """Run the command line."""
    run(app)


if __name__ == "__main__":
    main()
