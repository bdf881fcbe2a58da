"""What a run must know of its corpora before it starts.

A table is read for it once. What was found is kept until the table, its recipe or our code changes.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path

from pydantic import TypeAdapter

from whyser.io.errors import InputError
from whyser.io.files import read_record, write_json
from whyser_converters.tables.made_columns import files_of
from whyser_converters.tables.recipe import recipe_at
from whyser_converters.tables.understand import understand
from whyser_workflow.identity import code_identity, digest_of, files_identity, folder_identity
from whyser_workflow.plan import RunPlan


@dataclass(frozen=True)
class KnownTable:
    """`version` is what was read: table, recipe and code. `sounds` are the files that rows name."""

    version: str
    test_splits: tuple[str, ...]
    sounds: tuple[str, ...]


_FORM = TypeAdapter(KnownTable)
#: Our code that reads tables, and says what their labels mean.
_READERS = (
    *("whyser_converters.tables", "whyser_converters.corpora.tables"),
    "whyser_converters.convert.split_names",
    *("whyser.io", "whyser.labels"),
)


def with_identities(plan: RunPlan) -> RunPlan:
    """The plan with what identifies each corpus that it converts.

    Raises: as `known_table`.
    """
    if plan.is_demo or plan.own or not plan.owns_data:
        return plan
    found = {
        name: _table_identity(known_table(plan, name))
        if name in plan.tables
        else folder_identity(Path(plan.source(name)))
        for name in plan.corpora
    }
    return replace(plan, identities=found)


def _table_identity(known: KnownTable) -> str:
    """The table and its sound, and nothing else in their folder, which may be a whole disk."""
    sound = files_identity((path, path) for path in known.sounds)
    return digest_of({"table": known.version, "sound": sound})


def known_table(plan: RunPlan, name: str) -> KnownTable:
    """What an earlier call found in the table as it is, or else what its rows say.

    Raises: `InputError` or `BadInput` for a table that the conversion would refuse.
    """
    place = Path(plan.source(name))
    version = _version(place)
    with suppress(InputError):
        known = read_record(plan.known_table(name), _FORM, cure="")
        if known.version == version:
            return known
    return _read(place, name, version)


def keep_known_tables(plan: RunPlan) -> None:
    """Writes for the next call what is known of each table."""
    for name in plan.tables if plan.owns_data else ():
        write_json(plan.known_table(name), asdict(known_table(plan, name)))


def _version(place: Path) -> str:
    recipe = recipe_at(place)
    return digest_of(
        {
            "recipe": recipe.model_dump(mode="json"),
            "root": str(recipe.root),
            "files": files_identity((file, file) for file in files_of(recipe)),
            "code": code_identity(*_READERS),
        }
    )


@cache
def _read(place: Path, name: str, version: str) -> KnownTable:
    meaning = understand(recipe_at(place), name)
    meaning.refuse_useless()
    return KnownTable(version, tuple(meaning.test_splits), tuple(meaning.sound_files()))
