"""Each reward by hand, its bounds, and that more of the right thing never pays less."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whyser import rewards
from whyser.io.errors import WhyserError
from whyser.labels.classes import CLASSES, OTHER

from .conftest import HONEST, SAID, STRENGTHS, answer, cues

ALL = (
    rewards.eq_1_format,
    rewards.majority_label,
    rewards.annotators_share,
    rewards.groundedness,
    rewards.transcript_match,
    rewards.weighted_sum,
)
BOUNDS = {"groundedness": (-2.0, 1.0), "weighted_sum": (-0.6, 1.0)}

Columns = dict[str, list[Any]]


# ---- by hand ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "pays"),
    [
        (answer(), 1),
        (f"  {answer()}\n", 1),
        (answer(None), 0),
        (answer(" "), 0),
        (answer().replace(f"<asr>{SAID}</asr>", ""), 0),
        (answer(transcript=" "), 0),
        (answer().replace("angry", "furious"), 0),
        (answer().replace("I think the emotion is angry", "angry"), 0),
        (answer(label="other"), 0),
        (answer() + " I am sure.", 0),
        (answer() * 2, 0),
        (f"<think>So.</think>{answer()}", 0),
        (f"<answer>I think the emotion is sad</answer><asr>{SAID}</asr><reason>So.</reason>", 0),
        ("", 0),
    ],
)
def test_the_format_is_eq_1_whole_and_in_order(text: str, pays: float) -> None:
    assert rewards.eq_1_format([text]) == [pays]


@pytest.mark.parametrize(
    ("text", "label", "share"),
    [
        # Three of the five votes are angry, one is fear, one is other.
        (answer(), 1, 3 / 5),
        (answer(label="fear"), 0, 1 / 5),
        (answer(label="sad"), 0, 0),
        (answer(label="other"), 0, 0),
        ("<answer>Furious.</answer>", 1, 3 / 5),
        ("<answer>angry or fear</answer>", 0, 0),
        ("The emotion is angry.", 0, 0),
        (answer() + "<answer>fear</answer>", 0, 0),
        (answer("The speaker is full of fear."), 0, 0),
        (answer("The voice shows anger rather than fear."), 1, 3 / 5),
        (answer('"I am so happy" is said through the teeth.'), 1, 3 / 5),
    ],
)
def test_the_label_and_the_votes_that_it_has(
    text: str, label: float, share: float, columns: Columns
) -> None:
    assert rewards.majority_label([text], **columns) == [label]
    assert rewards.annotators_share([text], **columns) == [pytest.approx(share)]


def test_without_votes_the_label_is_the_only_one(columns: Columns) -> None:
    columns["votes"] = ["[]"]
    texts = [answer(), answer(label="fear")]
    twice = {name: values * 2 for name, values in columns.items()}
    assert rewards.annotators_share(texts, **twice) == [1, 0]


@pytest.mark.parametrize(
    ("transcript", "pays"),
    [
        (SAID, 1),
        ("tell me THE truth", 1),
        ("Tell me the", 3 / 4),  # one of four words is missing
        ("Tell us the truth now", 1 - 2 / 4),
        ("no no no no no no no", 0),
    ],
)
def test_the_transcript_pays_what_is_right_of_it(
    transcript: str, pays: float, columns: Columns
) -> None:
    text = answer(transcript=transcript)
    assert rewards.transcript_match([text], **columns) == [pytest.approx(pays)]


def test_where_nothing_was_said_an_empty_transcript_is_right() -> None:
    texts = ["<asr></asr><answer>sad</answer>", "<asr>Hi.</asr><answer>sad</answer>", "sad"]
    assert rewards.transcript_match(texts, transcript=[""] * 3) == [1, 0, 0]


@pytest.mark.parametrize(
    ("rationale", "pays"),
    [
        # Each claim holds of half of the clips: 0.5 if true, -0.5 if false, a third of the sum.
        (HONEST, 3 * 0.5 / 3),
        ("The pitch is high and the voice is loud.", 2 * 0.5 / 3),
        ("The pitch is high and the voice is quiet.", 0),
        ("The pitch is low, the voice is quiet, and the speech is slow.", -3 * 0.5 / 3),
        ("The pitch is high.", (0.5 - 0.5) / 3),  # one family is missing
        ("It is so.", -2 * 0.5 / 3),  # both are
        (None, -2 * 0.5 / 3),
        # A family counts once, and a fourth adds nothing.
        ("The pitch is high. The voice is high-pitched. The voice is loud.", 2 * 0.5 / 3),
        (f"{HONEST} There are hardly any pauses.", 3 * 0.5 / 3),
        ("The pitch is high and low, and the voice is loud.", 0),
        # What was said is no claim, and what is not measured decides nothing.
        ('"The pitch is high and the voice is loud", she says.', -2 * 0.5 / 3),
        ("The articulation is clear. The voice is breathy.", -2 * 0.5 / 3),
    ],
)
def test_groundedness_by_hand(rationale: str | None, pays: float, columns: Columns) -> None:
    assert rewards.groundedness([answer(rationale)], **columns) == [pytest.approx(pays)]


def test_a_claim_that_holds_of_most_clips_gains_little(columns: Columns) -> None:
    columns["chances"] = [json.dumps({"pitch_range normal": 0.8, "pitch high": 0.3})]
    (found,) = rewards.groundedness(
        [answer("The melody is of ordinary width, and the pitch is high.")], **columns
    )
    assert found == pytest.approx((0.2 + 0.7) / 3)
    (found,) = rewards.groundedness(
        [answer("The melody is of ordinary width, and the pitch is low.")], **columns
    )
    assert found == pytest.approx((0.2 - 0.5) / 3)


def test_where_nothing_was_measured_saying_nothing_costs_nothing(columns: Columns) -> None:
    columns["cues"] = [cues({}).model_dump_json()]
    assert rewards.groundedness([answer("It is so.")], **columns) == [0]
    columns["cues"] = [cues({"pitch": 1.0}).model_dump_json()]
    assert rewards.groundedness([answer("It is so.")], **columns) == [pytest.approx(-0.5 / 3)]


def test_the_sum_is_weighted(columns: Columns) -> None:
    by_hand = 0.1 * 1 + 0.25 * 1 + 0.25 * 3 / 5 + 0.3 * 0.5 + 0.1 * 1
    assert rewards.weighted_sum([answer()], **columns) == [pytest.approx(by_hand)]
    assert sum(rewards.WEIGHTS.values()) == pytest.approx(1)


# ---- bounds and order ---------------------------------------------------------------------

PIECES = st.sampled_from(
    [
        "<asr>", "</asr>", "<answer>", "</answer>", "<reason>", "</reason>", "<think>", "sad",
        "angry", "I think the emotion is ", "The pitch is high. ", "The pitch is low. ",
        "The voice is loud, ", "not ", "the speech is slow", "no pauses", "breathy", SAID, "\n",
    ]
)  # fmt: skip
TEXTS = st.one_of(st.lists(PIECES, max_size=30).map("".join), st.text(max_size=80))
STRENGTH = st.one_of(st.none(), st.floats(-5, 5))


@given(
    TEXTS,
    st.fixed_dictionaries(dict.fromkeys(STRENGTHS, STRENGTH)),
    st.lists(st.sampled_from([*CLASSES, OTHER]), max_size=6),
    st.floats(0, 1),
)
def test_whatever_is_written_stays_within_the_bounds(
    text: str, strengths: dict[str, float | None], votes: list[str], chance: float
) -> None:
    columns: Columns = {
        "solution": ["sad"],
        "votes": [votes],
        "transcript": [SAID],
        "cues": [cues(strengths)],
        "chances": [{"pitch high": chance, "rate low": chance, "loudness high": chance}],
    }
    for reward in ALL:
        lowest, highest = BOUNDS.get(reward.__name__, (0.0, 1.0))
        (found,) = reward([text], **columns)
        assert lowest <= found <= highest, reward.__name__


CLAIMS = {
    "pitch": ("The pitch is high.", "The pitch is low."),
    "loudness": ("The voice is loud.", "The voice is quiet."),
    "rate": ("The speech is fast.", "The speech is slow."),
    "pauses": ("There are hardly any pauses.", "Long pauses break the phrase."),
}


@given(
    st.lists(st.sampled_from(sorted(CLAIMS)), unique=True, min_size=1),
    st.lists(st.booleans(), min_size=4, max_size=4),
    st.dictionaries(st.sampled_from(["pitch high", "pitch low", "rate high"]), st.floats(0, 1)),
)
def test_a_true_claim_never_pays_less_than_none_or_a_false_one(
    families: list[str], are_true: list[bool], chances: dict[str, float]
) -> None:
    *others, last = zip(families, are_true, strict=False)
    said = " ".join(CLAIMS[family][not is_true] for family, is_true in others)
    true, false = (f"{said} {claim}" for claim in CLAIMS[last[0]])
    columns: Columns = {
        "cues": [cues(STRENGTHS)] * 3,
        "chances": [chances] * 3,
        "transcript": [SAID] * 3,
    }
    texts = [answer(each or None) for each in (said.strip(), true, false)]
    without, with_true, with_false = rewards.groundedness(texts, **columns)
    assert with_true >= without - 1e-9
    assert with_true >= with_false - 1e-9
    if len(others) >= 2:  # below the floor, saying nothing is the worst
        assert with_false <= without + 1e-9


@given(st.integers(0, 8), st.integers(1, 8))
def test_more_votes_for_the_stated_label_never_pay_less(own: int, others: int) -> None:
    def share(votes: list[str]) -> float:
        columns = {"votes": [votes], "solution": ["angry"]}
        return rewards.annotators_share([answer(label="fear")], **columns)[0]

    assert share(["fear"] * (own + 1) + ["sad"] * others) > share(["fear"] * own + ["sad"] * others)


@given(st.integers(0, 10))
def test_a_further_wrong_word_never_pays_more(wrong: int) -> None:
    texts = [answer(transcript=f"{SAID} {'no ' * count}") for count in (wrong, wrong + 1)]
    fewer, more = rewards.transcript_match(texts, transcript=[SAID, SAID])
    assert more <= fewer


# ---- how trainers call them ---------------------------------------------------------------


def test_a_trainer_passes_more_than_a_reward_needs(columns: Columns) -> None:
    messages = [{"role": "assistant", "content": answer()}]
    given = {"prompts": ["?"], "completion_ids": [[1]], "trainer_state": object(), **columns}
    for reward in ALL:
        assert reward([messages], **given) == reward([answer()], **columns)


@pytest.mark.parametrize(
    ("reward", "missing"),
    [
        (rewards.majority_label, "solution"),
        (rewards.annotators_share, "votes"),
        (rewards.groundedness, "cues"),
        (rewards.groundedness, "chances"),
        (rewards.groundedness, "transcript"),
        (rewards.transcript_match, "transcript"),
        (rewards.weighted_sum, "votes"),
    ],
)
def test_a_missing_column_is_named_with_the_command_that_writes_it(
    reward: Any, missing: str, columns: Columns
) -> None:
    del columns[missing]
    with pytest.raises(WhyserError, match=rf"needs the column '{missing}'.*whyser-convert grpo"):
        reward([answer()], **columns)


@pytest.mark.parametrize(
    ("name", "value", "what"),
    [
        ("votes", "[sad", "votes"),
        ("votes", '["sadd"]', "Did you mean 'sad'"),
        ("votes", "3", "list of labels"),
        ("cues", "{}", "Field required"),
        ("chances", '{"pitch high": 2}', "from 0 to 1"),
        ("chances", "[]", "from 0 to 1"),
        ("chances", "null", "from 0 to 1"),
        ("votes", '"sad"', "list of labels"),
        ("votes", "[" * 100_000, "recursion"),
        ("cues", None, "valid dictionary"),
    ],
)
def test_a_broken_column_is_named(name: str, value: str, what: str, columns: Columns) -> None:
    columns[name] = [value]
    with pytest.raises(WhyserError, match=what) as error:
        rewards.weighted_sum([answer()], **columns)
    assert f"column '{name}'" in str(error.value) and ".." not in str(error.value)


def test_columns_of_another_length_are_refused(columns: Columns) -> None:
    with pytest.raises(WhyserError, match="2 completions and 1 values"):
        rewards.majority_label([answer()] * 2, **columns)


def test_no_reward_reads_a_file(columns: Columns, monkeypatch: pytest.MonkeyPatch) -> None:
    rewards.weighted_sum([answer()], **columns)  # the tables of words are read once

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a reward opened a file")

    monkeypatch.setattr("builtins.open", refuse)
    monkeypatch.setattr(Path, "open", refuse)
    columns["cues"] = [cues({**STRENGTHS, "pitch": 0.1}).model_dump_json()]
    rewards.weighted_sum([answer("The pitch is low.")], **columns)


@pytest.mark.parametrize("value", [None, 5, "frustrated", float("nan")])
def test_a_majority_label_that_is_none_pays_nobody(value: object) -> None:
    with pytest.raises(WhyserError, match="the column 'solution' is broken"):
        rewards.majority_label(["garbage"], solution=[value])


def test_a_long_value_is_not_shown_whole() -> None:
    with pytest.raises(WhyserError) as error:
        rewards.majority_label(["garbage"], solution=["x" * 10_000])
    assert len(str(error.value)) < 400 and "whyser-convert grpo" in str(error.value)


def test_labels_are_compared_as_classes() -> None:
    assert rewards.majority_label(["<answer>sad</answer>"], solution=["Sadness"]) == [1.0]


@pytest.mark.parametrize("value", [None, 5])
def test_a_transcript_that_is_no_text(value: object) -> None:
    with pytest.raises(WhyserError, match="the column 'transcript' is broken"):
        rewards.transcript_match(["<asr>a</asr>"], transcript=[value])


def test_a_single_text_is_not_paid_letter_by_letter(columns: Columns) -> None:
    for reward in ALL:
        with pytest.raises(WhyserError, match="one text, expected a list"):
            reward(answer(), **columns)


def test_the_content_of_a_message_may_be_parts(columns: Columns) -> None:
    text = answer()
    parts = [text[:9], {"type": "audio", "text": None}, {"type": "text", "text": text[9:]}]
    (found,) = rewards.weighted_sum([[{"role": "assistant", "content": parts}]], **columns)
    assert found == rewards.weighted_sum([text], **columns)[0]


@pytest.mark.parametrize("values", [5, None, "angry", object()])
def test_a_column_that_is_no_list_is_missing(values: object, columns: Columns) -> None:
    with pytest.raises(WhyserError, match=r"needs the column 'solution'.*whyser-convert grpo"):
        rewards.weighted_sum([answer()], **{**columns, "solution": values})


def test_tables_may_be_structures_as_parquet_gives_them(columns: Columns) -> None:
    """A row has the keys of all rows, and None where it has none itself."""
    paid = rewards.weighted_sum([answer()], **columns)
    table = json.loads(columns["cues"][0])
    nothing = dict.fromkeys(("value", "deviation", "strength", "level"))
    filled = {**table, "hnr": nothing, "unmeasured": {"hnr": None}, "conditions": None}
    structures = {
        **columns,
        "votes": [np.array(json.loads(columns["votes"][0]))],
        "cues": [filled],
        "chances": [{"pitch creaky": None}],
    }
    assert rewards.weighted_sum([answer()], **structures) == paid
    # A cue of which every field is None was not measured, as one that is None.
    unmeasured = [[{**filled, "pitch": one}] for one in (nothing, None)]
    first, second = (
        rewards.groundedness([answer()], **{**structures, "cues": one}) for one in unmeasured
    )
    assert first == second < rewards.groundedness([answer()], **structures)


def test_rows_come_back_from_parquet_with_the_same_rewards(
    tmp_path: Path, columns: Columns, needs: Any
) -> None:
    needs("datasets", "pip install -e '.[train]'")
    import datasets

    rows = [
        {name: values[0] for name, values in columns.items()},
        {name: values[0] for name, values in columns.items()},
    ]
    rows[1]["cues"] = cues({**STRENGTHS, "pauses": None}, "c/2").model_dump_json()
    rows[1]["chances"] = '{"pitch high": 0.25}'
    texts = [answer(), answer("The pitch is high, and long pauses break the phrase.")]
    paid = rewards.weighted_sum(texts, **{name: [row[name] for row in rows] for name in columns})
    parsed = [
        row | {name: json.loads(row[name]) for name in ("votes", "cues", "chances")} for row in rows
    ]
    datasets.Dataset.from_list(parsed).to_parquet(tmp_path / "rows.parquet")
    table = datasets.Dataset.from_parquet(
        str(tmp_path / "rows.parquet"), cache_dir=str(tmp_path / "cache")
    )
    found = rewards.weighted_sum(texts, **{name: list(table[name]) for name in columns})
    assert found == paid


@pytest.mark.parametrize("completion", [5, b"sad", {"content": "sad"}, ["sad"]])
def test_what_is_no_completion(completion: object) -> None:
    with pytest.raises(WhyserError, match="expected a text or chat messages"):
        rewards.eq_1_format([completion])
