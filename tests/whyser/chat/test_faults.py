"""Every fault that a server can have, on a real server: nothing is lost, nothing is asked twice."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest

from whyser.chat import ChatError, ChatSettings, EndpointError, Ledger, print_tally
from whyser.chat.faults import parse_retry_after
from whyser.io.errors import InputError, WhyserError

KEY = "sk-very-secret-0123456789"

#: What the server does, and what the tally calls it.
TRANSIENT = {
    "later": "429",
    "later:0.05": "429",
    "date": "429",
    "408": "408",
    "409": "409",
    "425": "425",
    "500": "500",
    "503": "503",
    "hang": "timeout",
    "drip": "timeout",
    "cut": "broken connection",
    "empty": "empty answer",
    "number": "unusable answer",
    "sound": "empty answer",
    "error": "unusable answer",
    "aborted": "unusable answer",
    "later-in-200": "429",
    "529": "529",
    "none": "unusable answer",
    "invalid": "unusable answer",
    "surrogate": "unusable answer",
    "html": "unusable answer",
}


def test_nothing_is_lost_and_nothing_asked_twice(
    server: Any, ask_all: Callable[..., Any], tmp_path: Path
) -> None:
    chance = random.Random(4)
    scripts = {
        f"item {number}": [*chance.choices(list(TRANSIENT), k=chance.randrange(5)), "ok"]
        for number in range(150)
    }
    planned = Counter(TRANSIENT[step] for steps in scripts.values() for step in steps[:-1])
    outcome = ask_all(server, scripts, timeout=0.4, concurrency=32)

    print_tally(outcome.tally)
    assert outcome.errors == {}
    assert {name: reply.text for name, reply in outcome.replies.items()} == {
        name: f"because of {name}" for name in scripts
    }
    assert outcome.tally.retried == planned
    assert outcome.tally.asked == outcome.tally.answered == len(scripts)
    assert server.count("asked") == {name: len(steps) for name, steps in scripts.items()}
    assert server.count("delivered") == dict.fromkeys(scripts, 1)

    # What was answered is asked no more.
    again = ask_all(server, scripts)
    assert again.replies == outcome.replies
    assert (again.tally.asked, again.tally.from_ledger) == (0, len(scripts))
    assert server.count("delivered") == dict.fromkeys(scripts, 1)


def test_a_request_that_stays_unanswered_fails_with_its_reason_and_is_no_answer(
    server: Any, ask_all: Callable[..., Any], tmp_path: Path
) -> None:
    scripts = {"bad": ["400"], "broken": ["500"], "empty": ["empty"], "good": ["ok"]}
    outcome = ask_all(server, scripts, attempts=3)
    assert list(outcome.replies) == ["good"]
    assert {name: str(error) for name, error in outcome.errors.items()} == {
        "bad": "bad: status 400: status 400. The endpoint refuses this request; change it as the "
        "endpoint says.",
        "broken": "broken: status 500: status 500, 3 times. Run the command again later; the "
        "answers so far are kept.",
        "empty": outcome.errors["empty"].args[0],
    }
    assert outcome.tally.failed == {"400": 1, "500": 1, "empty answer": 1}
    assert server.count("asked") == {"bad": 1, "broken": 3, "empty": 3, "good": 1}
    with Ledger(tmp_path / "ledger.jsonl") as ledger:
        assert [entry.label for entry in ledger.entries()] == ["good"]
    ask_all(server, {"bad": ["400"]})
    assert server.count("asked")["bad"] == 2


def test_a_models_refusal_is_its_answer(server: Any, ask_all: Callable[..., Any]) -> None:
    outcome = ask_all(server, {"one": ["refusal"]})
    assert outcome.replies["one"].text == "I cannot judge that."
    assert server.count("asked").total() == 1


@pytest.mark.parametrize("status", ["400", "402", "405", "413", "422", "451"])
def test_other_refusals_are_not_repeated(
    server: Any, ask_all: Callable[..., Any], status: str
) -> None:
    outcome = ask_all(server, {"one": [status]}, unique=status)
    assert outcome.errors["one"].status == int(status)
    assert server.count("asked").total() == 1


@pytest.mark.parametrize(
    ("status", "cure"),
    [("401", "Check the key in $SER_KEY."), ("403", "$SER_KEY"), ("404", "the model 'scripted'")],
)
def test_a_wrong_key_or_model_ends_the_run_at_once(
    server: Any, ask_all: Callable[..., Any], status: str, cure: str
) -> None:
    scripts = {f"{status} {number}": [status] for number in range(500)}
    with pytest.raises(EndpointError) as caught:
        ask_all(server, scripts, concurrency=4, key_variable="SER_KEY")
    assert cure in str(caught.value)
    assert server.count("asked").total() <= 4


def test_an_absent_server_ends_the_run_at_once(
    serve: Callable[..., Any], ask_all: Callable[..., Any]
) -> None:
    server = serve()
    server.kill()
    began = time.monotonic()
    with pytest.raises(EndpointError, match=r"no connection .* Start the server at http"):
        ask_all(server, {f"{number}": ["ok"] for number in range(100)})
    assert time.monotonic() - began < 5


def test_an_endpoint_that_fails_everything_ends_the_run(
    server: Any, ask_all: Callable[..., Any]
) -> None:
    scripts = {f"fails {number}": ["500"] for number in range(500)}
    with pytest.raises(EndpointError, match=r"10 failures in a row"):
        ask_all(server, scripts, attempts=2, concurrency=4)


def test_an_endpoint_that_only_ever_says_later_ends_the_run(
    server: Any, ask_all: Callable[..., Any]
) -> None:
    with pytest.raises(EndpointError, match=r"status 429: slow down.* Run the command again later"):
        ask_all(server, {"later": ["later:3600"]})


def test_a_spent_quota_ends_the_run(server: Any, ask_all: Callable[..., Any]) -> None:
    scripts = {"first": ["ok"], **{f"quota {number}": ["quota"] for number in range(50)}}
    with pytest.raises(EndpointError, match="no money left"):
        ask_all(server, scripts, concurrency=2)
    assert server.count("asked").total() <= 4


def test_a_run_that_resumes_to_hopeless_requests_alone_comes_to_its_end(
    server: Any, ask_all: Callable[..., Any]
) -> None:
    scripts = {f"hopeless {n}": ["500" if n % 2 else "ok"] for n in range(60)}
    for _ in range(2):
        outcome = ask_all(server, scripts, attempts=1, concurrency=2)
        assert (len(outcome.replies), len(outcome.errors)) == (30, 30)


@pytest.mark.slow
def test_a_server_that_dies_and_comes_back_is_waited_for(
    serve: Callable[..., Any], ask_all: Callable[..., Any]
) -> None:
    server = serve(delay=0.05)
    scripts = {f"{number}": ["ok"] for number in range(120)}

    def die_for_some_seconds() -> None:
        while len(server.events) < 40:
            time.sleep(0.01)
        server.kill()
        time.sleep(10)
        server.start()

    killer = threading.Thread(target=die_for_some_seconds)
    killer.start()
    outcome = ask_all(server, scripts, concurrency=8, attempts=2, backoff=0.1)
    killer.join()
    print_tally(outcome.tally)
    assert set(outcome.replies) == set(scripts)
    assert outcome.tally.retried["no connection"] > 0
    assert max(server.count("delivered").values()) == 1
    assert server.count("asked").total() <= len(scripts) + 8


def test_the_key_is_shown_nowhere(
    server: Any,
    ask_all: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("SER_KEY", f"{KEY}\n")
    caplog.set_level("DEBUG")
    scripts = {"error": ["echo"], "answer": ["echo-answer"]}
    outcome = ask_all(server, scripts, key_variable="SER_KEY")
    assert "you said Bearer [key]" in str(outcome.errors["error"])
    assert outcome.replies["answer"].text == "you said Bearer [key]"
    print_tally(outcome.tally)
    ledger = (tmp_path / "ledger.jsonl").read_text(encoding="utf-8")
    shown = "".join([*capfd.readouterr(), caplog.text, ledger, repr(outcome)])
    assert "[key]" in shown and KEY not in shown


def test_a_key_with_strange_characters_is_refused_unseen(
    server: Any, ask_all: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SER_KEY", "sk-one\nsk-two")
    with pytest.raises(InputError, match=r"^\$SER_KEY contains .*only\.$"):
        ask_all(server, {"one": ["ok"]}, key_variable="SER_KEY")


def test_retry_after_in_seconds_and_as_a_date() -> None:
    assert parse_retry_after({"retry-after": "3"}) == 3
    in_a_minute = parse_retry_after({"retry-after": formatdate(time.time() + 60, usegmt=True)})
    assert in_a_minute is not None and 58 < in_a_minute <= 60
    assert parse_retry_after({"retry-after": formatdate(0, usegmt=True)}) == 0
    for value in ("", "soon", "nan", "inf"):
        assert parse_retry_after({"retry-after": value}) is None


def test_retry_after_is_honoured(server: Any, ask_all: Callable[..., Any]) -> None:
    began = time.monotonic()
    ask_all(server, {"waits": ["later:0.6", "ok"]})
    assert time.monotonic() - began >= 0.6


@pytest.mark.parametrize(
    "wrong",
    [{"endpoint": "localhost:8000"}, {"concurrency": 0}, {"timeout": -1.0}, {"max_cost": 1.0}],
)
def test_settings_that_cannot_be_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        ChatSettings(**{"endpoint": "http://localhost/v1", "model": "m", **wrong})


def test_what_is_secret_in_an_address_is_not_shown() -> None:
    settings = ChatSettings("https://me:word@host:1/v1?key=secret", "m")
    assert settings.address == "https://host:1/v1"


def test_a_chat_error_is_one_of_ours() -> None:
    assert issubclass(ChatError, WhyserError)
