"""Thinking in the text of an answer, between the marks that each model family chose."""

from __future__ import annotations

import time

import pytest

from whyser.io.thinking import split_thinking, without_thinking

#: {} stands for the answer.
MARKS = [
    "<think>\nIs it sad?\n</think>\n\n{}",
    "<think>\n\n</think>\n\n{}",
    "<THINK>x</THINK>{}",
    "<think >x</ think>{}",
    "x: sad or angry?\n</think>\n{}",
    "<think>x<think>y</think>{}",
    "<think>x</think>y</think>{}",
    "<think>x</thinking>{}",
    '<thinking budget="low">x</thinking>{}',
    "<thought>x</thought>{}",
    "<thought_process>x</thought_process>{}",
    "<inner_thoughts>x</inner_thoughts>{}",
    "<internal-monologue>x</internal-monologue>{}",
    "<scratchpad>x</scratchpad>{}",
    "<reasoning>x</reasoning>{}",
    "<reflection>x</reflection>{}",
    "<cot>x</cot>{}",
    "<antThinking>x</antThinking>{}",
    "<longcat_think>x</longcat_think>{}",
    "<mm:think>x</mm:think>{}",
    "<seed:think>x<seed:cot_budget_reflect>y</seed:cot_budget_reflect>z</seed:think>{}",
    "<|think|>x<|/think|>{}",
    "<|begin_of_thought|>x<|end_of_thought|>\n<|begin_of_solution|>{}<|end_of_solution|>",
    "<|START_THINKING|>x<|END_THINKING|><|START_RESPONSE|>{}<|END_RESPONSE|>",
    "[THINK]x[/THINK]{}",
    "\u25c1think\u25b7x\u25c1/think\u25b7{}",
    "<|channel|>analysis<|message|>x<|end|><|start|>assistant<|channel|>final<|message|>{}<|end|>",
    "<|channel|>final <|constrain|>json<|message|>{}",
    "analysisWe need to name sad.assistantfinal{}",
    "<|channel>thought\nx<channel|>{}",
    "<unused94>thought\nx<unused95>{}",
    "Here is my thought process: x Here is my response: {}",
]
ANSWERS = [
    "The voice is low, and the pitch falls.",
    '{"emotion": "sad", "second": null}',
    "<asr>Call me.</asr><answer>I think the emotion is sad</answer><reason>Low.</reason>",
]


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("marks", MARKS)
def test_the_answer_is_what_is_left(marks: str, answer: str) -> None:
    assert split_thinking(marks.replace("{}", answer)) == (answer, False)


@pytest.mark.parametrize(
    "text",
    [
        *ANSWERS,
        "",
        " untouched ",
        "I think the emotion is sad",
        "A [thoughtful pause] <3 and a <laugh> follow.",
        "Analysis of the voice: it is low.",
        "analysis: the assistant finally speaks",
        "The reason is <b>the pitch</b>.",
        "<emotion>sad</emotion> since the pitch is low",
        "a < b > c, \u25c1 and \u25b7",
    ],
)
def test_what_is_no_thinking_stays_as_it_is(text: str) -> None:
    assert without_thinking(text) is text


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("<think>Is it sad?", ""),
        ("<|channel|>analysis<|message|>Is it sad?", ""),
        ("Sad. <thinking>Or is", "Sad."),
        ("<think>x</think>Sad.<think>Or", "Sad."),
    ],
)
def test_thinking_that_does_not_end_is_no_answer(text: str, left: str) -> None:
    assert split_thinking(text) == (left, True)


@pytest.mark.parametrize(
    "piece", ["<", "<a_", "<think", "<think>", "</think>", "</think><cot>", "<think></x_think>"]
)
def test_hostile_text_takes_linear_time(piece: str) -> None:
    began = time.perf_counter()
    split_thinking(piece * (300_000 // len(piece)))
    assert time.perf_counter() - began < 5
