"""Rows for GRPO: what trainers read, what rewards need, what is left out, and what is refused."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from whyser import rewards
from whyser.evidence.cues import FAMILIES, Cue, Cues, level_of
from whyser.io.errors import BadInput, InputError
from whyser.io.files import read_jsonl, write_jsonl
from whyser.labels.votes import majority
from whyser.prompting.answer import render_answer
from whyser.records.corpus import Corpus, CorpusCard, write_card
from whyser.records.utterance import Utterance, Vote, write_utterances
from whyser.rewards.chance import chances
from whyser_converters.datasets.grpo import GrpoSpec, build
from whyser_converters.datasets.targets import TrainingInputs

VOTES = ("sad", "sad", "angry", "other")


def made_corpus(folder: Path, name: str = "a", *, count: int = 6, **changes: Any) -> Corpus:
    """Utterances with votes, empty sound files, and their cues."""
    folder = folder / name
    folder.mkdir()
    random_ = random.Random(name)
    votes = tuple(Vote(rater=str(i), primary=one, raw=one) for i, one in enumerate(VOTES))
    fields: dict[str, Any] = {
        "corpus": name, "split": "train", "duration": 1.0, "sampling_rate": 16000, "channels": 1,
        "transcript": "Call me back.", "speaker": None, "gender": None, "label": majority(VOTES),
        "label_raw": "", "votes": votes,
    }  # fmt: skip
    utterances = []
    for number in range(count):
        (folder / f"{number}.wav").touch()
        own = {"id": f"{name}/{number}", "audio": f"{number}.wav"}
        utterances.append(Utterance(**{**fields, **own, **changes}))
    write_utterances(folder / "utterances.jsonl", utterances)
    card = CorpusCard(
        corpus=name, title=name, licence="none", source="none", audio_root=".", classes=("sad",),
        options={}, utterances=count, hours=0.1, read=0, whyser="0",
    )  # fmt: skip
    write_card(folder / "corpus.json", card)
    write_jsonl(folder / "cues.jsonl", (cues(one.id, random_) for one in utterances))
    return Corpus(folder / "utterances.jsonl")


def cues(id_: str, random_: random.Random) -> str:
    found = {}
    for name in FAMILIES:
        strength = random_.gauss(0, 1)
        found[name] = Cue(
            value=1.0, deviation=strength, strength=strength, level=level_of(strength)
        )
    return Cues(id=id_, reference="speaker", **found).model_dump_json()


def lines(*corpora: Corpus, **options: Any) -> list[dict[str, Any]]:
    inputs = TrainingInputs.read([], [one.path.parent / "cues.jsonl" for one in corpora])
    return [row.line() for row in build(corpora, GrpoSpec(**options), inputs).rows]


def test_a_row_asks_and_answers_nothing(tmp_path: Path) -> None:
    corpus = made_corpus(tmp_path)
    found = lines(corpus)
    assert len(found) == 6
    for row in found:
        (message,) = row["messages"]
        assert message["role"] == "user" and message["content"].startswith("<audio>What emotion")
        (audio,) = row["audios"]
        assert Path(audio).is_file() and Path(audio).is_absolute()
        assert row["id"] == f"a/{Path(audio).stem}" == json.loads(row["cues"])["id"]
        assert row["solution"] == "sad" and json.loads(row["votes"]) == list(VOTES)
        assert row["transcript"] == "Call me back."
        # ms-swift takes this key for its own; and a column must have one type in every row.
        assert "label" not in row
        columns = set(row) - {"messages", "audios"}
        assert {type(row[name]) for name in columns} == {str}


def test_every_reward_takes_the_rows_as_they_are(tmp_path: Path) -> None:
    found = lines(made_corpus(tmp_path), made_corpus(tmp_path, "b"))
    columns = {name: [row[name] for row in found] for name in found[0]}
    answer = render_answer("sad", transcript="Call me back.", rationale="The pitch is high.")
    for reward in (rewards.weighted_sum, rewards.groundedness, rewards.annotators_share):
        assert len(reward([answer] * len(found), **columns)) == 12
    assert rewards.annotators_share([answer] * 12, **columns) == [0.5] * 12


def test_the_chances_are_those_of_the_rows_own_corpus(tmp_path: Path) -> None:
    found = lines(made_corpus(tmp_path), made_corpus(tmp_path, "b"))
    for corpus in "ab":
        own = [row for row in found if row["id"].startswith(f"{corpus}/")]
        by_hand = chances([Cues.model_validate_json(row["cues"]) for row in own])
        assert {row["chances"] for row in own} == {json.dumps(by_hand)}
    assert len({row["chances"] for row in found}) == 2


def test_the_order_is_that_of_the_seed_and_the_first_rows_are_kept(tmp_path: Path) -> None:
    corpus = made_corpus(tmp_path)
    ids = [row["id"] for row in lines(corpus)]
    assert ids == [row["id"] for row in lines(corpus)] != sorted(ids)
    assert [row["id"] for row in lines(corpus, max_samples=2)] == ids[:2]
    assert [row["id"] for row in lines(corpus, seed=1)] != ids


def test_a_family_that_is_held_out_is_in_no_row(tmp_path: Path) -> None:
    corpus = made_corpus(tmp_path)
    for row in lines(corpus, held_out=("pauses",)):
        found = json.loads(row["cues"])
        assert found["pauses"] is None and found["pitch"] is not None
        assert not any(name.startswith("pauses") for name in json.loads(row["chances"]))


def test_a_clip_with_nothing_but_a_held_out_cue_gives_no_row(tmp_path: Path) -> None:
    corpus = made_corpus(tmp_path, count=2)
    first, second = (row for _, row in read_jsonl(tmp_path / "a/cues.jsonl"))
    first |= dict.fromkeys(set(FAMILIES) - {"rate"})
    write_jsonl(tmp_path / "a/cues.jsonl", [json.dumps(first), json.dumps(second)])
    assert len(lines(corpus)) == 2
    assert [row["id"] for row in lines(corpus, held_out=("rate",))] == ["a/1"]


def test_what_gives_no_row_is_counted(tmp_path: Path) -> None:
    corpora = [
        made_corpus(tmp_path, "a"),
        made_corpus(tmp_path, "b", label=None),
        made_corpus(tmp_path, "c", label="other"),
        made_corpus(tmp_path, "d", transcript=" "),
        made_corpus(tmp_path, "e"),
        made_corpus(tmp_path, "f", split="dev"),
    ]
    inputs = TrainingInputs.read([], [tmp_path / "a/cues.jsonl"])
    dataset = build(corpora, GrpoSpec(max_samples=4), inputs)
    assert len(dataset.rows) == 4
    assert dataset.dropped == {
        "no agreement": 6,
        "none of the eight classes": 6,
        "no transcript": 6,
        "no cues": 6,
        "over max_samples": 2,
    }


def test_a_clip_of_which_nothing_was_measured_gives_no_row(tmp_path: Path) -> None:
    corpus = made_corpus(tmp_path)
    blank = Cues(id="a/0", reference="speaker", **dict.fromkeys(FAMILIES))
    others = [row for _, row in read_jsonl(tmp_path / "a/cues.jsonl")][1:]
    write_jsonl(tmp_path / "a/cues.jsonl", [blank.model_dump_json(), *others])
    inputs = TrainingInputs.read([], [tmp_path / "a/cues.jsonl"])
    dataset = build([corpus], GrpoSpec(), inputs)
    assert len(dataset.rows) == 5 and dataset.dropped == {"no cue was measured": 1}


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"split": "test1"}, "cannot be built from split 'test1'"),
        ({"held_out": ("pause",)}, "bad family 'pause'.*Did you mean 'pauses'"),
        ({"held_out": FAMILIES}, "leaves no family"),
    ],
)
def test_what_cannot_be_is_refused(options: dict[str, Any], what: str) -> None:
    with pytest.raises(InputError, match=what):
        GrpoSpec(**options)


def test_without_cues_or_sound_it_says_what_to_do(tmp_path: Path) -> None:
    corpus = made_corpus(tmp_path)
    with pytest.raises(InputError, match=r"need cues.*whyser-teach cues"):
        build([corpus], GrpoSpec(), TrainingInputs())
    (tmp_path / "a/3.wav").unlink()
    with pytest.raises(BadInput, match="no such sound file for a/3"):
        lines(corpus)


def test_the_command_writes_them(tmp_path: Path, convert: Any) -> None:
    corpus = made_corpus(tmp_path)
    output = tmp_path / "out/whyser_train"
    arguments = ("grpo", corpus.path, "--cues", tmp_path / "a/cues.jsonl", "--output", output)
    done = convert(*arguments, "--prompt", "closed", "--max-samples", "5")
    assert done.status == 0
    assert "wrote 5 rows" in done.err and "over max_samples" in done.out
    rows = [row for _, row in read_jsonl(tmp_path / "out/whyser_train.jsonl")]
    assert len(rows) == 5 and "I. Other" in rows[0]["messages"][0]["content"]
    assert not (tmp_path / "out/dataset_info.json").exists()
    assert convert(*arguments, "--split", "test").status == 1
    # Whoever writes the suffix means the same file.
    assert convert(*arguments, "--output", f"{output}.jsonl").status == 0
    assert [path.name for path in output.parent.iterdir()] == ["whyser_train.jsonl"]
