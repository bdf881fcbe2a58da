from __future__ import annotations

from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whyser.labels.classes import CLASSES
from whyser.labels.votes import percentages
from whyser.prompting import answer
from whyser.prompting.answer import (
    TARGETS,
    Answer,
    parse_answer,
    render_answer,
    write_shares,
)
from whyser.records.utterance import RESERVED

TEXT = st.text(max_size=80).filter(lambda text: not RESERVED.search(text))


@given(st.sampled_from(CLASSES), st.none() | TEXT, st.none() | TEXT)
def test_what_is_rendered_is_read_back(
    label: str, transcript: str | None, rationale: str | None
) -> None:
    answer = parse_answer(render_answer(label, transcript=transcript, rationale=rationale))
    assert answer.transcript == transcript
    assert answer.emotion == label
    assert answer.rationale == rationale


@given(
    st.sampled_from(sorted(TARGETS)),
    st.sampled_from(CLASSES),
    st.none() | TEXT,
    TEXT,
    st.none() | TEXT,
    st.none() | TEXT,
)
def test_every_target_is_read_back(
    target: str,
    label: str,
    transcript: str | None,
    rationale: str,
    descriptors: str | None,
    attributes: str | None,
) -> None:
    if target == "asr":
        transcript = transcript or "Hi."
    text = render_answer(
        label,
        transcript=transcript,
        rationale=rationale,
        descriptors=descriptors,
        attributes=attributes,
        target=target,
    )
    answer = parse_answer(text)
    written = TARGETS[target]
    assert answer.transcript == transcript
    assert answer.emotion == (label if "answer" in written else None)
    assert answer.descriptors == (descriptors if "descriptors" in written else None)
    assert answer.attributes == (attributes if "attributes" in written else None)
    if target == "interleaved":
        # The space between its two parts is all that may differ.
        assert (answer.rationale or "").split() == rationale.split()
    else:
        assert answer.rationale == (rationale if "reason" in written else None)


RATIONALE = 'The words "Stop. Now." are harsh. The voice is loud. It is fast.'


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("reason", "<asr>a</asr>{answer}<reason>{rationale}</reason>"),
        ("label", "<asr>a</asr>{answer}"),
        ("reason_first", "<asr>a</asr><reason>{rationale}</reason>{answer}"),
        (
            "interleaved",
            '<asr>a</asr><reason>The words "Stop. Now." are harsh.</reason>{answer}'
            "<reason>The voice is loud. It is fast.</reason>",
        ),
        ("descriptors", "<asr>a</asr><descriptors>d</descriptors>{answer}"),
        ("asr", "<asr>a</asr>"),
        ("attributes", "<asr>a</asr><attributes>arousal 4.2 of 7</attributes>{answer}"),
    ],
)
def test_each_target_to_the_letter(target: str, expected: str) -> None:
    parts = {"rationale": RATIONALE, "descriptors": "d", "target": target}
    parts["attributes"] = "arousal 4.2 of 7"
    blocks = {"answer": "<answer>I think the emotion is sad</answer>", "rationale": RATIONALE}
    with_transcript = expected.format(**blocks)
    assert render_answer("sad", transcript="a", **parts) == with_transcript
    if target != "asr":
        without = with_transcript.removeprefix("<asr>a</asr>")
        assert render_answer("sad", **parts) == without


def test_a_title_ends_no_sentence() -> None:
    text = render_answer(
        "sad", rationale="Mr. Bing is named. The voice is low.", target="interleaved"
    )
    assert text.startswith("<reason>Mr. Bing is named.</reason><answer>")


def test_a_rationale_of_one_sentence_stands_before_the_answer() -> None:
    text = render_answer("sad", rationale="The voice is low.", target="interleaved")
    assert text.startswith("<reason>The voice is low.</reason><answer>")
    assert text.endswith("</answer>")


def test_a_transcript_alone_needs_a_transcript() -> None:
    assert render_answer(None, transcript="a", target="asr") == "<asr>a</asr>"
    with pytest.raises(ValueError, match="nothing to write"):
        render_answer("sad", target="asr")


def test_equation_one_to_the_letter() -> None:
    assert render_answer("fear", transcript="a", rationale="r") == (
        "<asr>a</asr><answer>I think the emotion is fear</answer><reason>r</reason>"
    )


def test_row_ten_has_no_reason_block() -> None:
    assert "<reason>" not in render_answer("fear", transcript="a")


VOTES = st.lists(st.sampled_from([*CLASSES, "other"]), max_size=40)


@given(VOTES.filter(lambda votes: percentages(votes)), st.none() | TEXT)
def test_the_shares_of_any_votes_are_read_back(votes: list[str], transcript: str | None) -> None:
    shares = percentages(votes)
    text = render_answer(shares, transcript=transcript, target="distribution")
    answer = parse_answer(text)
    assert answer.transcript == transcript
    assert answer.shares == shares
    # In the order of the eight, whatever the order of the mapping.
    assert list(answer.shares or ()) == [name for name in CLASSES if name in shares]
    assert write_shares(dict(reversed(shares.items()))) == write_shares(shares)


@pytest.mark.parametrize(
    ("statement", "shares"),
    [
        ("angry 60%, sad 40%", {"angry": 60, "sad": 40}),
        # What a model writes is read as far as it is plain.
        (" Sadness 40 %,angry 60%. ", {"sad": 40, "angry": 60}),
        ("sad 100%", {"sad": 100}),
        ("sad 60%, angry 60%", {"sad": 60, "angry": 60}),
        ("sad 0%, angry 100%", {"sad": 0, "angry": 100}),
        ("sad 0%", None),
        ("sad 50%, sad 50%", None),
        ("sad 60%, other 40%", None),
        ("sad 60%, weary 40%", None),
        ("sad 60%, angry", None),
        ("sad", None),
        ("", None),
        ("sad 60% and angry 40%", None),
    ],
)
def test_shares_are_read_as_they_are_written(statement: str, shares: dict[str, int] | None) -> None:
    assert Answer(statement=statement).shares == shares


@given(st.text(alphabet="sad 60%,.", max_size=60))
def test_no_text_breaks_the_reader_of_shares(text: str) -> None:
    shares = Answer(statement=text).shares
    assert shares is None or any(shares.values())


def test_an_answer_without_a_block_states_no_shares() -> None:
    assert parse_answer("sad 60%, angry 40%").shares is None


@pytest.mark.parametrize("field", ["transcript", "rationale", "descriptors", "attributes"])
def test_a_tag_inside_a_text_is_refused(field: str) -> None:
    with pytest.raises(ValueError, match="tag of the answer format"):
        render_answer("sad", **{field: "no </answer> here"})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("no tags at all", Answer()),
        (
            "<answer>I think the emotion is sad</answer>",
            Answer(statement="I think the emotion is sad"),
        ),
        # The end of the block was forgotten, the next tag ends it.
        ("<answer>sad<reason>low</reason>", Answer(statement="sad", rationale="low")),
        # Cut off by the token limit: a half word is no answer, a half reason still is one.
        ("<answer>I think the emotion is hap", Answer()),
        ("<answer>sad</answer><reason>The voi", Answer(statement="sad", rationale="The voi")),
        # A rationale in two parts around the answer, as in the paper's Table 2.
        (
            "<reason>low</reason><answer>sad</answer><reason>slow",
            Answer(statement="sad", rationale="low slow"),
        ),
        (
            "<descriptors>male</descriptors><answer>sad</answer>",
            Answer(statement="sad", descriptors="male"),
        ),
        # The first block of a name counts.
        ("<answer>sad</answer><answer>happy</answer>", Answer(statement="sad")),
    ],
)
def test_broken_answers(text: str, expected: Answer) -> None:
    assert parse_answer(text) == expected


@pytest.mark.parametrize(
    "statement", ["I think the emotion is Sad.", "  i think the emotion is  Sad ", "Sad"]
)
def test_the_emotion_is_what_the_sentence_names(statement: str) -> None:
    assert Answer(statement=statement).emotion == "Sad"


@given(st.text(alphabet="<>/asrnweo ", max_size=200))
def test_no_text_breaks_the_parser(text: str) -> None:
    parse_answer(text)


def test_a_run_of_spaces_is_read_in_linear_time() -> None:
    # A model can repeat a token to its limit; the reader once took cubic time on it.
    statement = "I think the emotion is" + 100_000 * " " + "x"
    assert Answer(statement=statement).emotion == "x"


PIECES = ["<asr>Hi.</asr>", "<answer>", "sad", "</answer>", "<reason>Low.</reason>", " ", "[THINK]"]


@given(st.lists(st.sampled_from(PIECES), max_size=8).map("".join))
def test_the_short_way_for_eq_1_reads_the_same_blocks(text: str) -> None:
    read = parse_answer(text)
    with mock.patch.object(answer, "parse_eq_1", lambda _: None):
        assert parse_answer(text) == read
