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


@pytest.mark.parametrize(
    ("columns", "cure"),
    [
        (
            ("start_ms", "end_ms"),
            "Give --map start=start_ms --map end=end_ms --times milliseconds.",
        ),
        (("Start Time (s)", "stopSec"), "Give --map 'start=Start Time (s)' --map end=stopSec."),
        (
            ("start_sample", "end_sample"),
            "Divide by the number of samples in a second, and give the",
        ),
        (("begin_frame", "duration"), "Divide by the number of frames in a second, and give the"),
    ],
)
def test_times_with_a_unit_in_their_names_are_asked_about(
    columns: tuple[str, ...], cure: str
) -> None:
    """Unread, each row would be its whole file; read as seconds, another part of it."""
    source = table("file", "label", *columns)
    with pytest.raises(InputError) as caught:
        map_columns(source, {})
    assert "nothing says that they are start and end" in caught.value.what
    assert str(caught.value.cure).startswith(cure)
    assert map_columns(source, {"start": ""}).of.keys() & {"start", "end"} == set()


def test_a_unit_that_the_name_of_a_column_denies() -> None:
    milliseconds = table("file", "label", "start_ms", "end_ms")
    given = {"start": "start_ms", "end": "end_ms"}
    with pytest.raises(
        InputError, match="'start_ms' is the start in milliseconds by its name"
    ) as one:
        map_columns(milliseconds, given)
    assert one.value.cure == "Give --times milliseconds, or rename the column."
    assert map_columns(milliseconds, given, times="milliseconds").of["end"] == "end_ms"
    seconds = table("file", "label", "start_seconds", "end_seconds")
    assert map_columns(seconds, {}).of["start"] == "start_seconds"
    with pytest.raises(InputError, match="in seconds by its name, and times are read as milli"):
        map_columns(seconds, {}, times="milliseconds")
    samples = table("file", "label", "start", "dur_samples")
    with pytest.raises(InputError, match="'dur_samples' is the duration in samples"):
        map_columns(samples, {"duration": "dur_samples"})


def test_what_only_looks_like_a_time() -> None:
    names = ("file", "label", "duration_ms", "num_samples", "ends", "starts", "end_framework")
    assert map_columns(table(*names), {}).of == {"audio": "file", "label": "label"}
