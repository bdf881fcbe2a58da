"""What a run knows of a table: read once, and again only when it or its sound has changed."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from whyser.io.errors import BadInput, InputError
from whyser_converters.tables.recipe import TableRecipe
from whyser_converters.tables.understand import TableMeaning, understand
from whyser_workflow import tables
from whyser_workflow.plan import RunPlan, read_plan
from whyser_workflow.tables import keep_known_tables, known_table, with_identities

from .conftest import PlanOf

CSV = "file,label,speaker\nwav/1.wav,sad,a\nwav/2.wav,sad,b\n"


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the tables whose rows were read."""
    found: list[str] = []

    def count(recipe: TableRecipe, name: str) -> TableMeaning:
        found.append(name)
        return understand(recipe, name)

    monkeypatch.setattr(tables, "understand", count)
    return found


@pytest.fixture
def mine(plan: PlanOf, place: Path) -> RunPlan:
    (place / "wav").mkdir()
    (place / "wav/1.wav").write_bytes(b"RIFF")
    (place / "labels.csv").write_text(CSV)
    (place / "recipe.yaml").write_text("table: labels.csv\n")
    return plan("--corpora", "mine=recipe.yaml", "--name", "x")


@pytest.fixture
def identity(mine: RunPlan) -> Callable[[], str]:
    """The identity of the table at another call of run.sh, which keeps what it knows."""

    def call() -> str:
        tables._read.cache_clear()
        found = with_identities(mine).identities["mine"]
        keep_known_tables(mine)
        return found

    return call


def test_a_table_is_read_once(mine: RunPlan, identity: Callable[[], str], reads: list[str]) -> None:
    known = known_table(mine, "mine")
    assert (known.test_splits, known.sounds) == (("test",), ("./wav/1.wav", "./wav/2.wav"))
    assert {identity(), identity()} == {with_identities(mine).identities["mine"]}
    assert reads == ["mine", "mine"], "a call without a record, and none after it"


def test_a_table_is_its_rows_and_the_sound_that_they_name(
    identity: Callable[[], str], place: Path, reads: list[str]
) -> None:
    """Whatever else lies in its folder, which may be a whole disk."""
    before = identity()
    (place / "wav/other.wav").write_bytes(b"RIFF")
    (place / "recipe.yaml").write_text("# A comment.\ntable: labels.csv\n")
    assert identity() == before
    (place / "wav/2.wav").write_bytes(b"RIFF")
    with_another = identity()
    os.utime(place / "wav/1.wav", ns=(1, 1))
    changed = identity()
    assert reads == ["mine"], "no change of a sound file is one of the table"
    (place / "labels.csv").write_text(CSV.replace("sad,b", "angry,b"))
    other_label = identity()
    (place / "recipe.yaml").write_text("table: labels.csv\ntitle: Mine\n")
    assert len({before, with_another, changed, other_label, identity()}) == 5
    assert reads == ["mine"] * 3


def test_a_folder_is_known_by_what_makes_its_rows(plan: PlanOf, place: Path) -> None:
    """Speakers of audformat are in another table than the labels, and rows may be names."""

    def changes(write: Path, text: str) -> bool:
        before = with_identities(mine).identities["mine"]
        write.write_text(text)
        return with_identities(mine).identities["mine"] != before

    names = place / "names"
    for name in ("a_sad_1.wav", "b_sad_1.wav"):
        (names / name[0]).mkdir(parents=True)
        (names / name[0] / name).write_bytes(b"RIFF")
    (place / "r.yaml").write_text("table: names\npattern: '{speaker}/*_{label}_*.wav'\n")
    mine = plan("--corpora", "mine=r.yaml", "--name", "x")
    assert changes(names / "b/b_sad_2.wav", "RIFF")
    assert not changes(names / "b/notes.doc", "")

    folder = place / "audformat"
    folder.mkdir()
    (folder / "db.yaml").write_text(
        "name: a\nschemes: {emotion: {dtype: str, labels: [sad, angry]}}\ntables:\n"
        "  emotion: {type: filewise, columns: {emotion: {scheme_id: emotion}}}\n"
        "  files: {type: filewise, columns: {speaker: {}}}\n"
    )
    (folder / "db.emotion.csv").write_text("file,emotion\n1.wav,sad\n2.wav,sad\n")
    (folder / "db.files.csv").write_text("file,speaker\n1.wav,a\n2.wav,b\n")
    mine = plan("--corpora", "mine=audformat", "--name", "x")
    assert changes(folder / "db.files.csv", "file,speaker\n1.wav,a\n2.wav,other\n")
    assert not changes(folder / "notes.txt", "")


def test_a_record_that_cannot_be_read_is_none(
    mine: RunPlan, identity: Callable[[], str], reads: list[str]
) -> None:
    before = identity()
    mine.known_table("mine").write_text('{"version": 7}')
    assert identity() == before
    assert reads == ["mine", "mine"]


def test_names_that_no_file_can_have(
    mine: RunPlan, identity: Callable[[], str], place: Path
) -> None:
    (place / "recipe.yaml").write_text("table: labels.jsonl\n")
    rows = ['{"file": "a\\u0000.wav", "label": "sad"}', '{"file": "\\ud800.wav", "label": "sad"}']
    (place / "labels.jsonl").write_text("\n".join(rows))
    assert identity() == identity()


def test_the_plan_of_a_run_has_the_identities(mine: RunPlan, plan: PlanOf, place: Path) -> None:
    (place / "meld").mkdir()
    both = with_identities(plan("--corpora", "mine=recipe.yaml", "meld=meld", "--name", "x"))
    assert list(both.identities) == ["meld", "mine"]
    assert read_plan(both.write()).identities == both.identities
    demo = plan()
    assert with_identities(demo) == demo
    other = plan("--data", "x", "--name", "y")
    assert with_identities(other).identities == {}, "the corpora are the other run's"
    keep_known_tables(other)
    assert not other.known_table("mine").exists()


def test_a_table_that_means_nothing_is_not_kept(mine: RunPlan, place: Path) -> None:
    (place / "labels.csv").write_text(CSV.replace("sad", "W"))
    with pytest.raises(BadInput, match="1 label has no class"):
        known_table(mine, "mine")
    (place / "labels.csv").unlink()
    with pytest.raises(InputError, match="no such file or folder"):
        known_table(mine, "mine")
    assert not mine.known_table("mine").exists()
