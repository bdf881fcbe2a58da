"""Notes and warnings of a scored run."""

import json

import pytest


@pytest.mark.parametrize(("more", "said"), [
    ((), "Use --interval bca"), (("--interval", "bca"), "16 utterances"), (("--draws", "0"), ""),
])  # fmt: skip
def test_a_small_sample_is_told_that_its_intervals_cover_less(world, run, more, said):
    _, err = run(*more)
    notes = json.loads((world.results / "provenance.json").read_text())["notes"]
    assert [f"note: {one}" in err for one in notes] == [True] * bool(said)
    assert all(said in one for one in notes)
    assert ("--interval bca" in err) == (said == "Use --interval bca")


def test_a_class_without_a_reference_is_told(world, run):
    for row in world.utterances:
        if row["label"] == "fear":
            row["label"] = "sad"
    _, err = run()
    assert "no reference is fear" in err
