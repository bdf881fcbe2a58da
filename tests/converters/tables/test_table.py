"""`whyser-convert table` from a table to utterances."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import soundfile

from whyser.records.utterance import read_utterances

from .conftest import CLIPS, rows


def test_a_row_for_each_annotator(tabled: Any, clips: Path, write_csv: Any) -> None:
    table = write_csv(
        clips / "votes.csv",
        [
            {"file": f"wav/{name}.wav", "worker_id": worker, "emotion": label, "speaker": "s1"}
            for name, worker, label in (
                ("a1", "w1", "anger"),
                ("b1", "w1", "happiness"),
                ("a1", "w2", "anger"),
                ("b1", "w3", "boredom"),
                ("a1", "w3", "sadness"),
            )
        ],
    )
    result = tabled(table, "--splits", "train")
    first, second = result.utterances
    assert (first.label, first.label_raw, second.label) == ("angry", "anger", None)
    assert [(vote.rater, vote.primary) for vote in first.votes] == [
        ("mine/w1", "angry"),
        ("mine/w2", "angry"),
        ("mine/w3", "sad"),
    ]
    assert second.label_raw == "boredom:happiness"
    assert result.card["votes"]["votes"] == 5


def test_rows_that_contradict_each_other_cost_their_utterance(
    convert: Any, clips: Path, write_csv: Any, tmp_path: Path
) -> None:
    table = write_csv(
        clips / "votes.csv",
        [
            {"file": "wav/a1.wav", "rater": "1", "label": "sad", "speaker": "s1"},
            {"file": "wav/b1.wav", "rater": "1", "label": "sad", "speaker": "s2"},
            {"file": "wav/a1.wav", "rater": "2", "label": "sad", "speaker": "s2"},
        ],
    )
    outcome = convert("table", table, tmp_path / "out", "--name", "mine")
    said = outcome.out + outcome.err
    assert f"{table}:4: its speaker 's2' differs from 's1' in an earlier row" in said
    kept = read_utterances(tmp_path / "out" / "mine" / "utterances.jsonl")
    assert [one.id for one in kept] == ["mine/b1"]


def test_a_file_in_two_splits_stays_in_the_first(
    convert: Any, clips: Path, write_csv: Any, tmp_path: Path
) -> None:
    """Where a column gives its rows two ids, no duplicate id shows it."""
    given = [("a1", "train"), ("b1", "test"), ("a1", "test"), ("a2", "test1"), ("a2", "test2")]
    table = write_csv(
        clips / "t.csv",
        [
            {"id": f"x{number}", "file": f"wav/{name}.wav", "label": "sad", "split": split}
            for number, (name, split) in enumerate(given)
        ],
    )
    outcome = convert("table", table, tmp_path / "out", "--name", "mine", "--map", "id=id")
    said = outcome.out + outcome.err
    assert (
        f"{table}:4: its sound wav/a1.wav is in train on line 2, and in test here. "
        "Keep the sound in one split."
    ) in said
    kept = read_utterances(tmp_path / "out" / "mine" / "utterances.jsonl")
    # The test sets may share a sound.
    assert [(one.id, one.split) for one in kept] == [
        *(("mine/x0", "train"), ("mine/x1", "test"), ("mine/x3", "test1"), ("mine/x4", "test2")),
    ]


def test_columns_that_count_votes(tabled: Any, clips: Path, write_csv: Any) -> None:
    table = write_csv(
        clips / "counts.csv",
        [
            {"file": "wav/a1.wav", "n_ang": 3, "n_sad": 1, "published": "sadness"},
            {"file": "wav/b1.wav", "n_ang": 0, "n_sad": 2, "published": "sadness"},
        ],
    )
    words = ("--map", "votes:anger=n_ang", "--map", "votes:sadness=n_sad")
    result = tabled(table, *words)
    assert [one.label for one in result.utterances] == ["angry", "sad"]
    published = tabled(table, *words, "--map", "label=published")
    assert [one.label for one in published.utterances] == ["sad", "sad"]
    assert published.card["consensus"] == {"compared": 2, "different": 1}


def test_parts_of_a_recording(tabled: Any, tmp_path: Path, write_csv: Any, write_wav: Any) -> None:
    write_wav(tmp_path / "c" / "long.wav", rate=48_000, seconds=3.0)
    parts = [(0.0, 1.0), (1.0, 2.5), (2.5, "")]
    table = write_csv(
        tmp_path / "c" / "t.csv",
        [{"file": "long.wav", "start": a, "end": b, "label": "sad"} for a, b in parts],
    )
    result = tabled(table)
    assert [one.duration for one in result.utterances] == [1.0, 1.5, 0.5]
    for one in result.utterances:
        assert soundfile.info(str(result.folder / "audio" / one.audio)).samplerate == 16_000
    table.write_text(table.read_text().replace("1.0,2.5", "0.5,2.0"))
    moved = tabled(table).utterances[1]
    assert moved.audio == "long_500_2000.wav"


def test_a_part_that_the_file_does_not_have(
    convert: Any, clips: Path, write_csv: Any, tmp_path: Path
) -> None:
    table = write_csv(
        clips / "t.csv",
        [
            {"file": "wav/a1.wav", "start": 0, "end": 0.1, "label": "sad"},
            {"file": "wav/b1.wav", "start": 5, "end": 9, "label": "sad"},
        ],
    )
    outcome = convert("table", table, tmp_path / "out", "--name", "mine")
    said = outcome.out + outcome.err
    assert "has 0.10 s of sound, and the utterance is from 5 s to 9 s" in said


def test_splits_by_speaker_are_disjoint_and_stay(tabled: Any, clips: Path, write_csv: Any) -> None:
    table = write_csv(clips / "t.csv", rows())
    first = {one.id: one.split for one in tabled(table).utterances}
    assert set(first.values()) == {"train", "dev", "test"}
    assert first["mine/a1"] == first["mine/a2"]
    assert tabled(table, "--splits", "train").card["splits"].keys() == {"train"}


def test_values_of_a_split_that_say_nothing(
    convert: Any, clips: Path, write_csv: Any, tmp_path: Path
) -> None:
    table = write_csv(clips / "t.csv", [row | {"split": "fold1"} for row in rows()])
    outcome = convert("table", table, tmp_path / "out")
    assert outcome.status == 1
    assert "column 'split' has values that name no split: 'fold1' (5)" in outcome.err


def test_a_dry_run_writes_nothing(
    convert: Any, clips: Path, write_csv: Any, tmp_path: Path
) -> None:
    table = write_csv(clips / "t.csv", rows())
    outcome = convert("table", table, tmp_path / "out", "--name", "mine", "--dry-run")
    assert outcome.status == 0
    assert "the lexicon has 'boredom'" in outcome.out
    assert not (tmp_path / "out").exists()


def test_a_recipe_says_what_options_say(
    convert: Any, tabled: Any, clips: Path, write_csv: Any, tmp_path: Path
) -> None:
    table = write_csv(clips / "t.csv", [row | {"emotion": row["emotion"][0]} for row in rows()])
    words = ("--merge", "a=angry", "--merge", "s=sad", "--merge", "h=happy", "--merge", "b=other")
    recipe = tmp_path / "recipes" / "mine.yaml"
    assert convert("table", table, tmp_path, *words, "--save-recipe", recipe).status == 0
    by_options = tabled(table, *words).utterances
    assert tabled(recipe).utterances == by_options
    assert by_options[0].label == "angry"
    assert "table: ../corpus/t.csv" in recipe.read_text("utf-8")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("tabel: t.csv", "has no 'table'"),
        ("table: t.csv\nmpa: {a: b}", "Did you mean 'map'?"),
        ("table: t.csv\nvalues: {lable: {a: b}}", "Did you mean 'label'?"),
        ("table: [", "not valid YAML"),
        ("table: t.csv\nmerge:\n  W: sad\n  W: angry", "r.yaml:4: has the key 'W' twice. Keep"),
        (
            '{"table": "t.csv", "map": {}, "map": {"label": "a"}}',
            "r.yaml:1: has the key 'map' twice",
        ),
        ("table: t.csv\nfolder: /", "unknown key 'folder'"),
    ],
)
def test_a_broken_recipe_is_refused(convert: Any, tmp_path: Path, text: str, fault: str) -> None:
    recipe = tmp_path / "r.yaml"
    recipe.write_text(text, encoding="utf-8")
    outcome = convert("table", recipe, tmp_path / "out")
    assert outcome.status == 1
    assert str(recipe) in outcome.err
    assert fault in outcome.err


def test_a_merge_of_a_label_that_does_not_occur(
    convert: Any, clips: Path, write_csv: Any, tmp_path: Path
) -> None:
    """The label that was meant would keep its class from the lexicon."""
    table = write_csv(clips / "t.csv", rows())
    outcome = convert("table", table, tmp_path / "out", "--merge", "bordom=sad", "--name", "mine")
    assert outcome.status == 1
    assert (
        "mine has no label code 'bordom' to merge. Expected one of [anger, sadness" in outcome.err
    )
    assert "Did you mean 'boredom'?" in outcome.err
    assert "boredom" in outcome.out, "what was understood is shown"
    assert not (tmp_path / "out").exists()


def test_a_path_out_of_the_root_is_refused(
    convert: Any, clips: Path, write_csv: Any, tmp_path: Path
) -> None:
    shutil.copy(clips / "wav" / "a1.wav", tmp_path / "outside.wav")
    table = write_csv(
        clips / "t.csv",
        [
            {"file": "wav/a1.wav", "label": "sad"},
            {"file": "../outside.wav", "label": "sad"},
            {"file": str(tmp_path / "outside.wav"), "label": "sad"},
            {"file": str(clips / "wav" / "a2.wav"), "label": "sad"},
        ],
    )
    outcome = convert("table", table, tmp_path / "out", "--name", "mine", "--map", "id=")
    said = outcome.out + outcome.err
    assert "leads out of the corpus folder" in said
    assert "is not below" in said
    kept = read_utterances(tmp_path / "out" / "mine" / "utterances.jsonl")
    assert [one.audio for one in kept] == ["wav/a1.wav", "wav/a2.wav"]


RAVDESS = """
table: {folder}
pattern: "Actor_*/03-01-{{emotion}}-{{level}}-{{statement}}-{{time}}-{{actor}}.wav"
map: {{label: emotion, transcript: statement, speaker: actor, gender: actor, split: actor}}
values:
  label: {{01: neutral, 02: calm, 03: happy, 04: sad, 05: angry, 06: fearful, 07: disgust,
          08: surprised}}
  transcript: {{01: Kids are talking by the door, 02: Dogs are sitting by the door}}
  gender: {{01: male, 02: female, 05: male, 12: female, 15: male, 20: female}}
  split: {{01: test, 02: train, 05: train, 12: dev, 15: train, 20: test}}
"""


@pytest.mark.shared_data
def test_ravdess_as_its_converter_reads_it(convert: Any, shared_data: Path, tmp_path: Path) -> None:
    folder = shared_data / "ravdess"
    recipe = tmp_path / "ravdess.yaml"
    recipe.write_text(RAVDESS.format(folder=folder), encoding="utf-8")
    for words in (("table", recipe, tmp_path / "a", "--name", "ravdess"),
                  ("ravdess", folder, tmp_path / "b")):  # fmt: skip
        assert convert(*words).status == 0
    ours, theirs = (tmp_path / one / "ravdess" for one in "ab")
    assert (ours / "utterances.jsonl").read_bytes() == (theirs / "utterances.jsonl").read_bytes()
    names = sorted(path.name for path in (ours / "audio").rglob("*.wav"))
    assert len(names) == 360
    assert all(
        (ours / "audio" / name).read_bytes() == (theirs / "audio" / name).read_bytes()
        for name in names[::40]
    )


def test_who_did_not_say_has_cast_no_vote(tabled: Any, clips: Path, write_csv: Any) -> None:
    """In every form of votes: "none" in the table of labels is never the class `other`."""
    wide = write_csv(
        clips / "wide.csv",
        [
            {"file": "wav/a1.wav", "r1": "sad", "r2": "NaN", "r3": "unknown"},
            {"file": "wav/b1.wav", "r1": "", "r2": "n/a", "r3": "xxx"},
        ],
    )
    words = [f"--map=vote:{name}=r{name}" for name in "123"]
    result = tabled(wide, "--splits", "train", *words)
    (one,) = result.utterances
    assert (one.label, len(one.votes)) == ("sad", 1)
    assert result.card["dropped"] == {"no vote with a label": 1}
    assert result.card["unused"] == {"vote without a label": 4}
    long = write_csv(
        clips / "long.csv",
        [
            {"file": "wav/a1.wav", "rater": rater, "emotion": label}
            for rater, label in (("1", "fear"), ("2", ""), ("3", "no agreement"))
        ],
    )
    (one,) = tabled(long, "--splits", "train").utterances
    assert [vote.primary for vote in one.votes] == ["fear"]


def test_an_annotator_with_two_votes_costs_the_utterance(
    convert: Any, clips: Path, write_csv: Any, tmp_path: Path
) -> None:
    rows = [("wav/a1.wav", "1", "sad"), ("wav/a1.wav", "1", "fear"), ("wav/b1.wav", "1", "sad")]
    table = write_csv(clips / "t.csv", [{"file": a, "rater": b, "label": c} for a, b, c in rows])
    outcome = convert("table", table, tmp_path / "out", "--name", "mine")
    assert "annotator '1' has 2 votes for this utterance" in outcome.out + outcome.err
    assert "mine: 1 utterances" in outcome.out


def test_rows_of_one_utterance_are_asked_about(
    convert: Any, tabled: Any, clips: Path, write_csv: Any, tmp_path: Path
) -> None:
    labels = ("sad", "sad", "happy")
    table = write_csv(clips / "t.csv", [{"file": "wav/a1.wav", "label": one} for one in labels])
    outcome = convert("table", table, tmp_path / "refused")
    assert outcome.status == 1
    assert "2 of 3 rows have the audio of an earlier row. If each row is" in outcome.err
    (one,) = tabled(table, "--rows-are-votes").utterances
    assert (one.label, len(one.votes)) == ("sad", 3)


def test_a_start_without_an_end_is_asked_about(
    convert: Any, tabled: Any, tmp_path: Path, write_csv: Any, write_wav: Any
) -> None:
    write_wav(tmp_path / "c" / "long.wav", seconds=3.0)
    table = write_csv(
        tmp_path / "c" / "t.csv",
        [
            {"file": "long.wav", "onset": "0", "len_ms": 1500, "label": "sad"},
            {"file": "long.wav", "onset": "00:00:01,500", "len_ms": 1000, "label": "happy"},
        ],
    )
    outcome = convert("table", table, tmp_path / "refused")
    assert outcome.status == 1
    assert "and no column is the end. Give --map end=COLUMN" in outcome.err
    assert "Not used yet: 'len_ms'" in outcome.err
    found = tabled(table, "--map", "duration=len_ms", "--times", "milliseconds").utterances
    assert [one.duration for one in found] == [1.5, 1.0]


def test_paths_of_another_machine_are_found_by_their_end(
    tabled: Any, clips: Path, write_csv: Any
) -> None:
    for beginning, ending in (("/kaggle/input/x/", ""), ("C:\\data\\", ".wav"), ("", ".wav")):
        table = write_csv(
            clips / "t.csv",
            [
                {"file": f"{beginning}wav/{name}.wav".removesuffix(ending), "label": "sad"}
                for name in ("a1", "b1")
            ],
        )
        found = tabled(table).utterances
        assert [one.audio for one in found] == ["wav/a1.wav", "wav/b1.wav"]


@pytest.mark.parametrize("order", [1, -1])
def test_paths_of_two_machines_in_one_table(
    convert: Any, clips: Path, write_csv: Any, tmp_path: Path, order: int
) -> None:
    """As where two people's tables were joined: no order of them may cost half of the rows."""
    beginnings = ("", "/corpora/ann/db/", "C:\\bob\\", "/corpora/bob/data/", "/nobody/")
    names = [*list(CLIPS)[:4], "lost"]
    table = write_csv(
        clips / "t.csv",
        [
            {"file": f"{beginning}wav/{name}.wav", "label": "sad"}
            for beginning, name in list(zip(beginnings, names, strict=True))[::order]
        ],
    )
    outcome = convert("table", table, tmp_path / "out", "--name", "mine")
    found = read_utterances(tmp_path / "out/mine/utterances.jsonl")
    assert sorted(str(one.audio) for one in found) == [f"wav/{name}.wav" for name in names[:4]]
    said = outcome.out + outcome.err
    assert all(repr(one) in said for one in ("/corpora/ann/db/", "/bob/", "/corpora/bob/data/"))
    assert "its sound file '/nobody/wav/lost.wav' is not below" in said


def test_a_first_file_that_is_missing_costs_itself(
    convert: Any, clips: Path, write_csv: Any, tmp_path: Path
) -> None:
    names = ["lost", *CLIPS]
    table = write_csv(clips / "t.csv", [{"file": f"/db/wav/{n}", "label": "sad"} for n in names])
    outcome = convert("table", table, tmp_path / "out", "--name", "mine")
    found = read_utterances(tmp_path / "out/mine/utterances.jsonl")
    assert [str(one.audio) for one in found] == [f"wav/{name}.wav" for name in CLIPS]
    assert "lost.wav" in outcome.out + outcome.err


def test_a_table_without_sound_needs_a_word(
    convert: Any, tabled: Any, clips: Path, write_csv: Any, tmp_path: Path
) -> None:
    table = write_csv(clips / "t.csv", [{"id": "a1", "label": "sad", "clip_ref": "a1.wav"}])
    outcome = convert("table", table, tmp_path / "refused", "--dry-run")
    assert outcome.status == 1
    assert "no column is the sound file; not used yet: 'clip_ref'" in outcome.err
    assert [one.id for one in tabled(table, "--no-audio").utterances] == ["mine/a1"]


def test_people_who_are_not_known(tabled: Any, clips: Path, write_csv: Any) -> None:
    table = write_csv(
        clips / "t.csv",
        [
            {"file": "wav/a1.wav", "label": "sad", "speaker": "Unknown", "gender": "weiblich"},
            {"file": "wav/b1.wav", "label": "sad", "speaker": "7", "gender": "x"},
        ],
    )
    found = tabled(table).utterances
    assert [(one.speaker, one.gender) for one in found] == [(None, "female"), ("mine/7", None)]


def test_a_cell_with_several_values_is_named(
    convert: Any, clips: Path, write_lines: Any, tmp_path: Path
) -> None:
    table = write_lines(
        clips / "t.jsonl", [{"file": "wav/a1.wav", "emotion": ["sad", "fear"], "speaker": "1"}]
    )
    outcome = convert("table", table, tmp_path / "refused")
    assert outcome.status == 1
    assert "column 'emotion': a cell holds ['sad', 'fear'], expected one value" in outcome.err


def test_a_recipe_never_replaces_a_file(convert: Any, clips: Path, write_csv: Any) -> None:
    table = write_csv(clips / "t.csv", rows())
    before = table.read_bytes()
    for path, fault in ((table, "Let it end in .yaml"), (clips / "r.yaml", "exists already")):
        (clips / "r.yaml").touch()
        outcome = convert("table", table, clips / "out", "--save-recipe", path)
        assert outcome.status == 1
        assert fault in outcome.err
    assert table.read_bytes() == before


def test_a_corpus_with_a_converter_is_not_replaced(
    convert: Any, clips: Path, write_csv: Any, write_wav: Any, tmp_path: Path
) -> None:
    write_wav(tmp_path / "r/Actor_01/03-01-02-01-01-02-01.wav", rate=48_000)
    assert convert("ravdess", tmp_path / "r", tmp_path / "out", "--no-audio").status == 0
    table = write_csv(clips / "t.csv", rows())
    outcome = convert("table", table, tmp_path / "out", "--name", "ravdess")
    assert outcome.status == 1
    assert "holds RAVDESS (speech), as its own converter has written it" in outcome.err


def test_columns_that_are_not_used_are_listed(
    convert: Any, clips: Path, write_csv: Any, tmp_path: Path
) -> None:
    """pandas' numbers of rows have no name."""
    table = write_csv(
        clips / "t.csv", [{"": 0, "file": "wav/a1.wav", "label": "sad", "agreement": 0.5}]
    )
    outcome = convert("table", table, tmp_path / "out", "--dry-run", "--name", "mine")
    assert outcome.status == 0
    assert "not used: agreement" in outcome.out + outcome.err


def test_a_table_of_which_no_row_can_be_read(convert: Any, clips: Path, tmp_path: Path) -> None:
    table = clips / "t.csv"
    table.write_bytes("file,label\nwav/é.wav,sad\n".encode("cp1252"))
    outcome = convert("table", table, tmp_path / "out")
    assert outcome.status == 1
    said = f"{table}:2: 1 of 1 rows are not UTF-8 text. Save the file as UTF-8, or give --encoding"
    assert said in outcome.err


def test_attributes_on_a_stated_scale(tabled: Any, clips: Path, write_csv: Any) -> None:
    means = write_csv(
        clips / "means.csv",
        [
            {"file": "wav/a1.wav", "label": "sad", "arousal": "2.5", "EmoVal": "9"},
            {"file": "wav/b1.wav", "label": "angry", "arousal": "", "EmoVal": "1"},
        ],
    )
    assert tabled(means).utterances[0].attributes == {}
    result = tabled(means, "--scale", "arousal=1:7", "--scale", "valence=1:7")
    first, second = result.utterances
    assert (first.attributes, second.attributes) == ({"arousal": 2.5}, {"valence": 1.0})
    assert result.card["attributes"] == {"arousal": [1.0, 7.0], "valence": [1.0, 7.0]}
    assert any("bad valence '9' of mine/a1" in one for one in result.problems)


def test_attributes_of_every_vote(tabled: Any, clips: Path, write_csv: Any) -> None:
    """Also of an annotator who gave no label."""
    table = write_csv(
        clips / "votes.csv",
        [
            {"file": "wav/a1.wav", "rater": rater, "label": label, "arousal": arousal}
            for rater, label, arousal in (("1", "sad", 2), ("2", "sad", 4), ("3", "unknown", 6))
        ],
    )
    (one,) = tabled(table, "--scale", "arousal=1:7").utterances
    assert [vote.arousal for vote in one.votes] == [2, 4]
    assert [(vote.rater, vote.arousal) for vote in one.attribute_votes] == [("mine/3", 6)]
    assert one.attribute_means == {"arousal": 4}


@pytest.mark.parametrize("scale", ["arousal=7:1", "arousal=7", "arousal=a:b", "arousal=1:inf"])
def test_what_is_no_scale(convert: Any, clips: Path, write_csv: Any, scale: str) -> None:
    table = write_csv(clips / "t.csv", rows())
    outcome = convert("table", table, clips / "out", "--scale", scale)
    assert outcome.status == 1
    assert "of arousal. Expected its lowest and its highest value" in outcome.err
    outcome = convert("table", table, clips / "out", "--map", "arousal=emotion")
    assert "the scale of arousal is not known" in outcome.err
