"""Rows that are chosen, and columns that a table gets besides its own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whyser.io.errors import InputError
from whyser_converters.tables.made_columns import sources_of
from whyser_converters.tables.recipe import TableRecipe, read_recipe
from whyser_converters.tables.source import RowSource


def cells(source: RowSource, *columns: str) -> list[tuple[Any, ...]]:
    """The rows; a lost one is an error."""

    def lost(problem: InputError, _name: str) -> None:
        raise problem

    return [tuple(row) for _, row in source.read(columns, lost)]


def table(path: Path, text: str, **said: Any) -> RowSource:
    path.write_text(text, encoding="utf-8")
    recipe = TableRecipe.model_validate({"table": path.name, "folder": path.parent, **said})
    (source,) = sources_of(recipe)
    return source


WORDS = st.text(st.characters(exclude_characters="_/\\", exclude_categories=("C", "Z")), min_size=1)


@given(WORDS, WORDS)
def test_what_is_put_together_comes_apart_again(
    tmp_path_factory: pytest.TempPathFactory, left: str, right: str
) -> None:
    path = tmp_path_factory.mktemp("t") / "t.jsonl"
    row = json.dumps({"a": left, "b": right, "whole": f"{left}_{right}"}) + "\n"
    said = {"map": {"id": "{a}_{b}"}, "parse": {"whole": "{c}_{d}"}}
    source = table(path, row, **said)
    assert cells(source, "d", "{a}_{b}", "c") == [(right, f"{left}_{right}", left)]


def test_an_empty_part_makes_no_name(tmp_path: Path) -> None:
    source = table(tmp_path / "t.csv", "a,b\n1,2\n3,\n", map={"audio": "{a}_{b}.wav"})
    assert cells(source, "{a}_{b}.wav", "a") == [("1_2.wav", "1"), ("", "3")]


def test_a_column_with_braces_is_itself(tmp_path: Path) -> None:
    source = table(tmp_path / "t.csv", "{a},a\n1,2\n", map={"id": "{a}"})
    assert cells(source, "{a}") == [("1",)]


def test_rows_with_one_of_several_values(tmp_path: Path) -> None:
    text = "tier,label,note\nA,sad,\nB,sad,x\nC,sad,\n"
    source = table(tmp_path / "t.csv", text, where={"tier": ["A", "B"], "note": ""})
    assert cells(source, "label", "tier") == [("sad", "A")]
    assert sum(source.counts.values()) == 2
    # A second reading counts anew.
    assert cells(source, "tier") == [("A",)]
    assert sum(source.counts.values()) == 2


def test_many_values_of_rows_that_are_left_out_are_not_named(tmp_path: Path) -> None:
    text = "q,label\n" + "".join(f"{number},sad\n" for number in range(50))
    source = table(tmp_path / "t.csv", text, where={"q": "0"})
    assert cells(source, "q") == [("0",)]
    assert source.counts["row that --where leaves out, as q is another value"] == 29
    assert len(source.counts) == 21


PEOPLE = "name,sex,note\nu1,f,a\nu2,m,b\n"


def joined(tmp_path: Path, people: str, join: Any, rows: str = "file,actor\na,u1\nb,u9\n") -> Any:
    (tmp_path / "people.csv").write_text(people, encoding="utf-8")
    return table(tmp_path / "t.csv", rows, join=join)


def test_a_row_without_a_partner_has_empty_cells(tmp_path: Path) -> None:
    source = joined(tmp_path, PEOPLE, "people.csv:actor=name")
    assert source.columns == ("file", "actor", "sex", "note")
    assert cells(source, "file", "sex") == [("a", "f"), ("b", None)]
    assert source.counts == {"rows of which people.csv has none": 1}


def test_a_column_of_both_tables_keeps_both_names(tmp_path: Path) -> None:
    rows = "name,note\nu2,mine\n"
    source = joined(tmp_path, PEOPLE, "people.csv:name", rows)
    assert cells(source, "note", "people.note") == [("mine", "b")]


def test_a_chain_of_tables(tmp_path: Path) -> None:
    (tmp_path / "towns.csv").write_text("note,town\na,Rome\n", encoding="utf-8")
    source = joined(tmp_path, PEOPLE, ["people.csv:actor=name", "towns.csv"])
    assert cells(source, "town") == [("Rome",), (None,)]


@pytest.mark.parametrize(
    ("people", "join", "what"),
    [
        (PEOPLE, "people.csv", "shares 0 columns with the table: it has 'name', 'sex', 'note'"),
        (PEOPLE, "people.csv:actor=nam", "cannot be joined on 'actor=nam': no column 'nam'"),
        (PEOPLE, "persons.csv:actor=name", "no such file"),
        (PEOPLE, "people.csv:file=name", "no row has a name that is a file of the table"),
        (PEOPLE + "u1,m,c\n", "people.csv:actor=name", "has two different rows of name 'u1'"),
    ],
)
def test_tables_that_cannot_be_joined(tmp_path: Path, people: str, join: str, what: str) -> None:
    with pytest.raises(InputError, match=what):
        cells(joined(tmp_path, people, join), "sex")


def test_two_rows_that_differ_only_elsewhere_are_one(tmp_path: Path) -> None:
    source = joined(tmp_path, PEOPLE + "u1,f,other\n", "people.csv:actor=name")
    assert cells(source, "sex") == [("f",), (None,)]


def test_columns_that_cannot_be_parsed(tmp_path: Path) -> None:
    for said, what in (
        ({"nam": "{x}_*"}, "has no column 'nam' to parse"),
        ({"name": "{file}_*"}, "has a column 'file' already"),
    ):
        with pytest.raises(InputError) as caught:
            table(tmp_path / "t.csv", "name,file\na_b,c\n", parse=said)
        assert what in " ".join(str(caught.value).split())


def test_a_saved_recipe_says_the_same(
    convert: Any, clips: Path, tabled: Any, tmp_path: Path
) -> None:
    (clips / "clips.csv").write_text("k,f,q\n1,a1_x,1\n2,b1_y,1\n3,c1_z,2\n", encoding="utf-8")
    (clips / "who.csv").write_text("k,emotion,speaker\n1,sad,s1\n2,angry,s2\n", encoding="utf-8")
    words = ("--parse", "f={clip}_{rest}", "--join", clips / "who.csv", "--where", "q=1")
    words += ("--map", "audio=wav/{clip}.wav", "--map", "split=")
    recipe = tmp_path / "recipes" / "mine.yaml"
    recipe.parent.mkdir()
    saved = convert("table", clips / "clips.csv", tmp_path / "out", *words, "--save-recipe", recipe)
    assert saved.status == 0, saved.err
    assert read_recipe(recipe).join[0].table == "../corpus/who.csv"
    expected = tabled(clips / "clips.csv", *words).utterances
    assert tabled(recipe).utterances == expected
    assert [(one.id, one.label) for one in expected] == [("mine/a1", "sad"), ("mine/b1", "angry")]


def test_marks_of_a_folder_are_no_pattern(tmp_path: Path) -> None:
    folder = tmp_path / "corpus [v2]?"
    folder.mkdir()
    for name, row in (("a.csv", "ann,1"), ("b.csv", "bob,2")):
        (folder / name).write_text(f"who,age\n{row}\n")
    source = table(folder / "t.tsv", "f\twho\n1.wav\tbob\n2.wav\tann\n", join="*.csv")
    assert cells(source, "f", "age") == [("1.wav", "2"), ("2.wav", "1")]
