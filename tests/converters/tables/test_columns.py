from __future__ import annotations

from pathlib import Path

import pytest

from whyser.io.errors import InputError
from whyser_converters.tables.columns import map_columns
from whyser_converters.tables.source import RowSource


def table(*columns: str) -> RowSource:
    return RowSource(Path("t.csv"), columns, lambda _wanted, _lost: iter(()))


def test_names_decide_and_the_user_decides_first() -> None:
    found = map_columns(table("FileName", "EmoClass", "SpkrID", "Split_Set", "x"), {"gender": "x"})
    assert found.of == {
        "audio": "FileName",
        "label": "EmoClass",
        "speaker": "SpkrID",
        "split": "Split_Set",
        "gender": "x",
    }
    assert found.guessed == {"audio", "label", "speaker", "split"}
    assert "speaker" not in map_columns(table("label", "spk"), {"speaker": ""}).of


@pytest.mark.parametrize(
    ("columns", "given", "fault"),
    [
        (("file", "path", "label"), {}, "'file', 'path' could each be the audio"),
        (("file", "labels"), {}, "'labels' may hold one label, or the votes"),
        (("file", "text"), {}, "no column is the label"),
        (("file", "label"), {"lable": "label"}, "no meaning 'lable'"),
        (("file", "emotion"), {"label": "emotoin"}, "Did you mean 'emotion'?"),
        (("file", "votes", "rater"), {}, "names the annotator of a row, and other columns hold"),
        (("file", "label"), {"votes:": "label"}, "no meaning 'votes:'"),
    ],
)
def test_what_is_unclear_is_asked(
    columns: tuple[str, ...], given: dict[str, str], fault: str
) -> None:
    with pytest.raises(InputError) as caught:
        map_columns(table(*columns), given)
    assert fault in str(caught.value)
