"""`whyser-convert table`: any corpus whose annotation is a table or in the names of its files."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from whyser.io.console import print_table, say
from whyser.io.errors import InputError, did_you_mean
from whyser.io.visible import visible
from whyser.labels.attributes import ATTRIBUTES
from whyser_converters.convert.options import NoAudio, SplitListFile

if TYPE_CHECKING:
    from whyser_converters.corpora.spec import CorpusSpec
    from whyser_converters.tables.recipe import TableJoin, TableRecipe
    from whyser_converters.tables.understand import TableMeaning

_NAME = re.compile(r"[a-z][a-z0-9_]*")

_votes_option = partial(typer.Option, rich_help_panel="Votes and units")
_rows_option = partial(typer.Option, rich_help_panel="Rows and columns")

_Map = Annotated[
    list[str] | None,
    typer.Option(
        metavar="MEANING=COLUMN",
        help="Say which column is the id, audio, label, votes, rater, transcript, speaker, "
        "gender, split, start, end, duration, dialogue, session, an attribute, or the secondary "
        "labels of a vote; repeatable. "
        "'vote:RATER' is a column with one annotator's labels, 'votes:LABEL' one with the number "
        "of a label's votes, 'score:LABEL' one with a label's share or strength, of which the "
        "highest is the label. Columns in braces are put together, as in "
        "'audio={dialog}_{turn}.wav'. Without a column, the meaning is not used.  [default: by the "
        "names of the columns]",
    ),
]


def table(
    place: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="Read this CSV, TSV, JSON, JSON Lines, Parquet or Arrow file, a folder with such "
            "tables, an audformat folder, a folder of sound files, or a recipe (.yaml).",
        ),
    ],
    out_dir: Annotated[Path, typer.Argument(help="Write to this folder.")],
    name: Annotated[
        str | None,
        typer.Option(help="Name the corpus.  [default: the name of FILE]"),
    ] = None,
    map: _Map = None,
    merge: Annotated[
        list[str] | None,
        typer.Option(
            metavar="LABEL=CLASS",
            help="Map a label of the table to one of the eight classes, to 'other', or to 'none' "
            "for no agreement; repeatable. '*=other' is for all labels without a class.",
        ),
    ] = None,
    pattern: Annotated[
        str | None,
        typer.Option(
            help="Read the annotation from the paths of sound files, such as "
            "'{speaker}/{label}_*.wav'; a field in braces becomes a column. Without a slash it is "
            "about the file's name in whatever folder; '**' is any text."
        ),
    ] = None,
    audio_root: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Find the sound files of the table below this folder.  [default: FILE's]",
        ),
    ] = None,
    audformat_table: Annotated[
        str | None,
        typer.Option("--table", metavar="NAME", help="Read this table of an audformat folder."),
    ] = None,
    splits: Annotated[
        Literal["auto", "stated", "train"],
        typer.Option(
            help="Take the splits of the table, or else give 70, 10 and 20 % of the speakers to "
            "train, dev and test ('auto'), or train on all utterances ('stated'); or train on all "
            "whatever the table states ('train')."
        ),
    ] = "auto",
    split_list: SplitListFile = None,
    rows_are_votes: Annotated[
        bool,
        _votes_option(
            "--rows-are-votes",
            help="Take the rows with one id, or one sound file, as the votes for one utterance, "
            "though no column names the annotator.",
        ),
    ] = False,
    times: Annotated[
        Literal["seconds", "milliseconds"] | None,
        _votes_option(help="State the unit of start, end and duration.  [default: seconds]"),
    ] = None,
    scale: Annotated[
        list[str] | None,
        _votes_option(
            metavar="ATTRIBUTE=LOW:HIGH",
            help="State the scale of arousal, valence, dominance or intensity, such as "
            "arousal=1:7; repeatable. Without its scale, no attribute is read.",
        ),
    ] = None,
    where: Annotated[
        list[str] | None,
        _rows_option(
            metavar="COLUMN=VALUE",
            help="Take only the rows with this value; repeatable. Of two values of one column "
            "either will do.",
        ),
    ] = None,
    join: Annotated[
        list[str] | None,
        _rows_option(
            metavar="FILE:COLUMN=COLUMN",
            help="Take further columns from this table, whose second column has what the first "
            "one has in the table of the corpus; repeatable. One name will do if it is the same, "
            "and none if the tables share only one column.",
        ),
    ] = None,
    parse: Annotated[
        list[str] | None,
        _rows_option(
            metavar="COLUMN=PATTERN",
            help="Read further columns from the texts of this one, such as "
            "'file={speaker:4}_{sentence}_*'; repeatable.",
        ),
    ] = None,
    columns: Annotated[
        str | None,
        _rows_option(
            metavar="NAME,NAME,...",
            help="Name the columns of a CSV file that has no header.",
        ),
    ] = None,
    encoding: Annotated[
        str | None,
        _rows_option(
            help="State the encoding of a CSV file, such as cp1252 or gb18030.  [default: UTF-8, "
            "or UTF-16 with its mark]"
        ),
    ] = None,
    no_audio: NoAudio = False,
    strict: Annotated[
        bool,
        typer.Option(
            "--strict",
            help="Stop at the first faulty row or clip; otherwise its utterance is dropped.",
        ),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print what was understood, and write nothing.")
    ] = False,
    save_recipe: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write what these options say to a recipe (.yaml), which can be given instead of "
            "FILE, and convert nothing.",
        ),
    ] = None,
) -> None:
    """Convert a corpus of your own: a table, a folder of tables, or labels in file names.

    Columns and labels are recognised by their names, and shown before anything is written. The
    command writes NAME/ to the output folder.

    Example: whyser-convert table /corpora/mine/metadata.csv data/utterances --name mine --dry-run
    """
    from whyser_converters.convert.printing import print_conversion
    from whyser_converters.convert.run import prepare
    from whyser_converters.tables.recipe import write_recipe
    from whyser_converters.tables.understand import understand

    if split_list and splits != "auto":
        raise typer.BadParameter("give either it or --splits", param_hint="--split-list")
    said = {
        "map": pairs(map or [], "--map", "MEANING=COLUMN"),
        "merge": pairs(merge or [], "--merge", "LABEL=CLASS"),
        "pattern": pattern,
        # An absolute path stands for itself in the folder of a recipe too.
        "audio_root": str(audio_root.absolute()) if audio_root else None,
        "audformat_table": audformat_table,
        "rows_are_votes": rows_are_votes or None,
        "times": times,
        "scales": pairs(scale or [], "--scale", "ATTRIBUTE=LOW:HIGH"),
        "where": _wanted(where or []),
        "join": _joins(join or []),
        "parse": pairs(parse or [], "--parse", "COLUMN=PATTERN"),
        "columns": [name.strip() for name in columns.split(",")] if columns else None,
        "encoding": encoding,
    }
    recipe = _recipe(place, said)
    if save_recipe:
        places: dict[str, Any] = {"table": os.path.relpath(recipe.place, save_recipe.parent)}
        if recipe.audio_root:
            root = recipe.folder / recipe.audio_root
            places["audio_root"] = os.path.relpath(root, save_recipe.parent)
        places["join"] = [
            join.model_copy(
                update={"table": os.path.relpath(recipe.folder / join.table, save_recipe.parent)}
            )
            for join in recipe.join
        ]
        write_recipe(save_recipe, recipe.model_copy(update=places))
        say(f"wrote {save_recipe}")
        if name or split_list or splits != "auto" or no_audio or strict:
            say("note: a recipe has no name, splits, --no-audio or --strict. Give them with it")
        return
    corpus = _corpus_name(name, place)
    meaning = understand(recipe, corpus)
    spec = meaning.spec(out_dir / corpus / "sound")
    _print_meaning(meaning, split_list, is_pooled=splits == "train")
    meaning.refuse_useless(with_audio=not no_audio)
    _refuse_other_corpus(spec, out_dir / corpus)
    if dry_run:
        return
    is_pooled = splits == "train" or (splits == "stated" and not meaning.has_splits)
    # Sound that is inside the table is written to a folder, which is then the corpus' own.
    sound_folder = out_dir / corpus / "sound"
    conversion = prepare(
        spec,
        meaning.root_of_sound(sound_folder),
        out_dir,
        with_audio=not no_audio,
        merge=meaning.merge,
        options={"split_scheme": "train"} if is_pooled else {},
        split_list=split_list,
        strict=strict,
    )
    print_conversion(conversion, out_dir / corpus)


def pairs(texts: Sequence[str], option: str, form: str) -> dict[str, str]:
    """Reads `LEFT=RIGHT` texts of a repeatable option; a bad one is a usage error."""
    found: dict[str, str] = {}
    for text in texts:
        left, equals, right = text.partition("=")
        if not equals:
            raise typer.BadParameter(f"{text!r}, expected {form}", param_hint=option)
        left, right = left.strip(), right.strip()
        if found.setdefault(left, right) != right:
            what = f"{left!r} is given twice, as {found[left]!r} and as {right!r}"
            raise typer.BadParameter(what, param_hint=option)
    return found


def _wanted(texts: Sequence[str]) -> dict[str, list[str]]:
    """Reads `COLUMN=VALUE` texts; a column may have several values."""
    found: dict[str, list[str]] = {}
    for text in texts:
        ((column, value),) = pairs([text], "--where", "COLUMN=VALUE").items()
        found.setdefault(column, []).append(value)
    return found


def _joins(texts: Sequence[str]) -> list[TableJoin]:
    from whyser_converters.tables.recipe import join_of

    joins = [join_of(text) for text in texts]
    # An absolute path stands for itself in the folder of a recipe too.
    return [one.model_copy(update={"table": str(Path(one.table).absolute())}) for one in joins]


def _recipe(place: Path, said: Mapping[str, Any]) -> TableRecipe:
    """The recipe that was given, with the options on top of it."""
    from whyser_converters.tables.recipe import recipe_at

    recipe = recipe_at(place)
    given = {key: value for key, value in said.items() if value is not None}
    given["map"] = recipe.map | said["map"]
    given["merge"] = recipe.merge | said["merge"]
    given["scales"] = recipe.scales | said["scales"]
    given["where"] = recipe.where | said["where"]
    given["parse"] = recipe.parse | said["parse"]
    given["join"] = [*recipe.join, *said["join"]]
    for name in given["scales"]:
        if name not in ATTRIBUTES:
            cure = did_you_mean(name, ATTRIBUTES)
            raise typer.BadParameter(f"no attribute {name!r}. {cure}", param_hint="--scale")
    return recipe.model_copy(update=given)


def _refuse_other_corpus(spec: CorpusSpec, folder: Path) -> None:
    """Raises: `InputError` if a corpus with a converter of its own lies there."""
    from whyser.records.corpus import Corpus
    from whyser_converters.corpora.registry import CORPORA

    if spec.name in CORPORA and (folder / "corpus.json").is_file():
        title = Corpus(folder / "utterances.jsonl").card.title
        if title == CORPORA[spec.name].title != spec.title:
            what = f"holds {title}, as its own converter has written it"
            raise InputError(what, file=folder, cure="Give another --name or output folder.")


def _corpus_name(name: str | None, place: Path) -> str:
    found = name or re.sub(r"\W+", "_", place.absolute().stem.lower()).strip("_")
    if not _NAME.fullmatch(found):
        cure = "Use small letters, digits and '_', a letter first."
        raise InputError(f"bad name of a corpus {found!r}", cure=f"Give --name. {cure}")
    from whyser_converters.corpora.registry import CORPORA

    if name is None and found in CORPORA:
        what = f"{found!r} is a corpus that has a converter of its own"
        raise InputError(what, cure=f"Give --name, or run 'whyser-convert {found}'.")
    return found


def _print_meaning(meaning: TableMeaning, split_list: Path | None, *, is_pooled: bool) -> None:
    columns = meaning.columns
    rows = [
        [name, column, meaning.examples.get(column, ""), "by its name" if name in columns.guessed
         else "stated"]
        for name, column in columns.of.items()
    ]  # fmt: skip
    print_table(
        f"{meaning.name}: {meaning.rows:,} rows", ["meaning", "column", "example", "why"], rows
    )
    if meaning.unused:
        say(f"not used: {', '.join(map(visible, meaning.unused))}")
    merge = meaning.merge
    labels = sorted(meaning.labels.items(), key=lambda item: -meaning.label_counts.get(item[0], 0))
    print_table(
        "Labels",
        ["label", "class", "count", "why"],
        [
            [
                code or "(empty)",
                merge.get(code) or meant.label or "none",
                meaning.label_counts.get(code, 0),
                meant.reason,
            ]
            for code, meant in labels
        ],
    )
    say(f"splits: {_splits(meaning, split_list, is_pooled=is_pooled)}")
    for paths in dict.fromkeys(meaning.sound_paths.values()):
        say(f"sound: {paths}")
        if not paths.is_found:
            say("note: its first files are not there. Give --audio-root with the folder of sound")
    for note in meaning.notes:
        say(f"note: {note}")
    if meaning.problems:
        say(f"note: {len(meaning.problems):,} rows are not read, the first: {meaning.problems[0]}")


def _splits(meaning: TableMeaning, split_list: Path | None, *, is_pooled: bool) -> str:
    if split_list:
        return f"those of {split_list}"
    if is_pooled:
        return "all is for training"
    if meaning.has_splits:
        counts = ", ".join(f"{name} {count:,}" for name, count in meaning.split_counts.items())
        only = "; --map split= gives 70, 10 and 20 % of its speakers to train, dev and test"
        is_whole = meaning.split_counts.keys() == {"train"} and len(meaning.speakers) > 1
        return f"the table's ({counts}){only if is_whole else ''}"
    if meaning.split_of_speaker:
        return f"70, 10 and 20 % of its {len(meaning.speakers):,} speakers for train, dev and test"
    if meaning.speakers:
        return "none for one speaker, so all is for training"
    return "none, so all is for training; say by --map which column is the split or the speaker"
