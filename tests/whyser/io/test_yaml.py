"""YAML of strangers: one value for each key."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from whyser.io.errors import InputError
from whyser.io.files import read_yaml


@pytest.mark.parametrize("as_written", [True, False])
@pytest.mark.parametrize(
    ("text", "line", "key"),
    [
        ("a: 1\nb: 2\na: 3\n", 3, "a"),
        ("- {b: 1, a: 2}\n- x:\n    a: 1\n    'a': 2\n", 4, "a"),
        ("one: &x {a: 1, a: 1}\ntwo: *x\n", 1, "a"),
    ],
)
def test_a_key_that_is_given_twice(
    tmp_path: Path, text: str, line: int, key: str, as_written: bool
) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        read_yaml(path, as_written=as_written)
    assert (caught.value.line, caught.value.what) == (line, f"has the key {key!r} twice")


def test_a_key_may_come_again_elsewhere(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(
        "base: &x {a: 1}\nmore: {<<: *x, a: 2}\nlist: [{a: 1}, {a: 1}]\nno: 1\n'1': 2\n"
    )
    assert read_yaml(path) == yaml.safe_load(path.read_text())
    path.write_text("&x {a: *x, b: [*x]}\n")
    around = read_yaml(path)
    assert around["a"] is around and around["b"][0] is around
    path.write_text("# nothing\n")
    assert read_yaml(path) is None


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(_VALUES)
def test_what_was_written_is_read(value: object) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder, "a.yaml")
        path.write_text(yaml.safe_dump(value), encoding="utf-8")
        assert read_yaml(path) == value
