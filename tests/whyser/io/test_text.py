from __future__ import annotations

import pytest

from whyser.io.errors import InputError
from whyser.io.text import read_cells


def test_a_row_with_more_cells_than_columns_is_refused() -> None:
    """A comma in a text without quotation marks would move the cells behind it."""
    _, rows = read_cells("id,text,words\na,I am, angry,sad\n", "w.csv")
    with pytest.raises(InputError, match=r"w\.csv:2: row of 4 cells, expected 3\. Quote a text"):
        list(rows)
