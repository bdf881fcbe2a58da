from __future__ import annotations

import base64
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from whyser.chat import ChatSettings, Ledger, Request, audio_part, estimate
from whyser.chat.estimate import tokens_of
from whyser.chat.reply import read_reply
from whyser.chat.request import Token
from whyser.io import audio
from whyser.io.errors import InputError


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "a clip.wav"
    audio.write(path, np.zeros(4 * audio.SAMPLING_RATE, np.float32))
    return path


def asked(*parts: Any, **parameters: Any) -> Request:
    return Request([{"role": "user", "content": list(parts)}], parameters, model="tiny")


def test_the_key_is_of_model_messages_and_parameters() -> None:
    text = {"type": "text", "text": "Why?"}
    one = asked(text, seed=1, top_p=0.9)
    assert one.key == asked(text, top_p=0.9, seed=1).key
    others = [asked(text, seed=2, top_p=0.9), asked(seed=1, top_p=0.9), replace(one, model="big")]
    assert len({one.key, *(other.key for other in others)}) == 4
    with pytest.raises(ValueError, match="model"):
        _ = replace(one, model=None).key


@pytest.mark.parametrize("how", ["file", "data", "input_audio"])
def test_sound_is_keyed_by_address_or_content(clip: Path, how: Any) -> None:
    before = asked(audio_part(clip, how)).key
    assert asked(audio_part(clip, how)).key == before
    audio.write(clip, np.ones(4 * audio.SAMPLING_RATE, np.float32))
    assert (asked(audio_part(clip, how)).key == before) == (how == "file")


def test_the_three_forms_of_sound(clip: Path) -> None:
    content = base64.b64encode(clip.read_bytes()).decode()
    url = audio_part(clip, "file")["audio_url"]["url"]
    assert url.startswith("file:///") and url.endswith("/a%20clip.wav")
    assert audio_part(clip, "data")["audio_url"]["url"] == f"data:audio/wav;base64,{content}"
    assert audio_part(clip, "input_audio") == {
        "type": "input_audio",
        "input_audio": {"data": content, "format": "wav"},
    }


def test_an_unreadable_clip_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gone.wav: no such sound file"):
        audio_part(tmp_path / "gone.wav", "file")


def test_extra_body_goes_beside_the_parameters() -> None:
    request = asked(seed=1, extra_body={"top_k": 5})
    assert request.body == {"model": "tiny", "messages": request.messages, "seed": 1, "top_k": 5}


@pytest.mark.parametrize("how", ["file", "data", "input_audio"])
def test_tokens_of_sound_follow_the_closed_form(clip: Path, how: Any) -> None:
    request = asked(audio_part(clip, how), {"type": "text", "text": "x" * 41}, max_tokens=50)
    tokens = tokens_of(request)
    # 4 s at 25 a second, and 41 bytes at 4 a token.
    assert (tokens.prompt, tokens.answer) == (100 + 11, 50)


def test_sound_that_is_not_here_counts_as_thirty_seconds() -> None:
    part = {"type": "audio_url", "audio_url": {"url": "file:///elsewhere/x.wav"}}
    assert tokens_of(asked(part)).prompt == 750


def test_an_estimate_leaves_out_what_was_answered(tmp_path: Path) -> None:
    settings = ChatSettings("http://localhost/v1", "tiny", price_in=1.0, price_out=10.0)
    requests = [
        Request([{"role": "user", "content": "why " * 10}], {"max_tokens": 100, "seed": seed})
        for seed in range(3)
    ]
    found = estimate(requests, settings)
    assert (found.requests, found.tokens_in, found.tokens_out) == (3, 30, 300)
    assert found.cost == pytest.approx((30 * 1.0 + 300 * 10.0) / 1e6)
    line = (
        f'{{"key":"{requests[0].for_model("tiny").key}","label":"","time":"","model":"tiny",'
        '"finish_reason":"stop","prompt_tokens":1,"completion_tokens":1,"text":"so"}\n'
    )
    (tmp_path / "ledger.jsonl").write_text(line, encoding="utf-8")
    with Ledger(tmp_path / "ledger.jsonl") as ledger:
        found = estimate(requests, settings, ledger)
    assert (found.requests, found.from_ledger) == (2, 1)


def body_with(logprobs: Any, text: str = "sad") -> bytes:
    choice = {"message": {"content": text}, "logprobs": logprobs}
    return json.dumps({"choices": [choice]}).encode()


def test_tokens_come_with_what_else_was_weighed() -> None:
    half = {"token": "\ud83d", "logprob": float("nan")}
    sad = {"token": " sad", "logprob": -0.5}
    reply = read_reply({}, body_with({"content": [{**sad, "top_logprobs": [sad, half]}]}))
    assert reply.tokens == (Token(" sad", -0.5, ((" sad", -0.5), ("?", -9999.0))),)
    # A blank answer tells nothing, its tokens do.
    blank = {"token": "\n", "logprob": -0.1, "top_logprobs": []}
    assert read_reply({}, body_with({"content": [blank]}, "\n")).tokens


@pytest.mark.parametrize("broken", [None, {}, {"content": None}, {"content": [{"token": "a"}]}, 5])
def test_broken_log_probabilities_are_none(broken: Any) -> None:
    assert read_reply({}, body_with(broken)).tokens == ()
