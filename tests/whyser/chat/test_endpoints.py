"""Endpoints as they are: every form of an answer is read, and nothing else is kept as one."""

from __future__ import annotations

import asyncio
import base64
import json
import random
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from whyser.chat import Chat, ChatSettings, EndpointError, Ledger, Reply, Request
from whyser.chat.refused import refused_parameter
from whyser.io.errors import InputError, WhyserError

from .server import MESSAGES, NO_ANSWERS, WITH_THINKING

OPENAI = {"message": "Unsupported value: 'temperature' does not support 0.", "param": "temperature"}


# ---- the forms of an answer ---------------------------------------------------------------


def test_every_form_of_an_answer_is_read_and_nothing_else_is_kept(
    server: Any, ask_all: Callable[..., Any], tmp_path: Path
) -> None:
    chance = random.Random(18)
    forms = [*MESSAGES, "plain", "ok"]
    passing = ["later-in-200", "error", "aborted", "529", "number", "sound", "html"]
    scripts = {
        f"form {number}": [
            *chance.choices(passing, k=chance.randrange(3)),
            forms[number % len(forms)],
        ]
        for number in range(120)
    }
    lost = {f"lost {kind} {number}": [kind] for number in range(3) for kind in NO_ANSWERS}
    mixed = [*scripts.items(), *lost.items()]
    chance.shuffle(mixed)
    outcome = ask_all(server, dict(mixed), concurrency=32)

    assert {name: reply.text for name, reply in outcome.replies.items()} == {
        name: f"because of {name}" for name in scripts
    }
    assert set(outcome.errors) == set(lost)
    # What is lost at the limit of tokens would be lost again.
    asked = server.count("asked")
    assert {asked[name] for name in lost} == {1}
    assert outcome.tally.retried.total() == sum(len(steps) - 1 for steps in scripts.values())
    thinks = sum(steps[-1] in WITH_THINKING for steps in scripts.values())
    assert outcome.tally.thought == thinks
    with Ledger(tmp_path / "ledger.jsonl") as ledger:
        kept = {entry.label: entry.text for entry in ledger.entries()}
    assert set(kept) == set(scripts)
    # The ledger has every answer as it came.
    assert sum("Plan" in text for text in kept.values()) == thinks
    # What comes from the ledger has no thinking either.
    again = ask_all(server, scripts)
    assert again.replies == outcome.replies and again.tally.asked == 0


def test_an_answer_lost_to_thinking_is_told_with_its_cure(
    server: Any, ask_all: Callable[..., Any]
) -> None:
    outcome = ask_all(server, {"one": ["reasoned-away"], "two": ["all-is-thinking"]})
    assert str(outcome.errors["one"]) == (
        "one: there is thinking and no answer: it was cut off at the limit of tokens. Allow more "
        "tokens (--max-tokens, or --reader-max-tokens for a reader), or serve the model without "
        "thinking."
    )
    assert str(outcome.errors["two"]) == (
        "two: the answer is empty, and all text of the model is thinking. Serve the model without "
        "thinking, or without a parser that takes its answer away."
    )
    assert outcome.errors["one"].is_cut and not outcome.errors["two"].is_cut


def test_a_model_that_only_thinks_ends_the_run(server: Any, ask_all: Callable[..., Any]) -> None:
    scripts = {f"only thinks {number}": ["cut-in-thinking"] for number in range(200)}
    with pytest.raises(EndpointError, match=r"10 failures in a row.*Allow more tokens"):
        ask_all(server, scripts, concurrency=2)
    assert server.count("asked").total() <= 12


def test_a_rate_limit_inside_an_answer_is_waited_for(
    server: Any, ask_all: Callable[..., Any]
) -> None:
    # More often than a failing request is tried.
    outcome = ask_all(server, {"patient": [*["later-in-200"] * 9, "ok"]}, attempts=3, backoff=0.002)
    assert outcome.replies["patient"].text == "because of patient"
    assert outcome.tally.retried == {"429": 9}


@pytest.mark.parametrize(
    ("body", "status", "kind"),
    [
        ({"error": {"message": "slow", "code": 429}}, 429, "429"),
        ({"error": {"message": "slow", "type": "rate_limit_error"}}, 429, "429"),
        ({"error": "Too Many Requests"}, 429, "429"),
        ({"error": {"status": "RESOURCE_EXHAUSTED", "message": "x"}}, 429, "429"),
        ({"object": "error", "message": "no such model", "code": 404}, 404, "404"),
        ({"choices": [{"error": {"code": "503", "message": "x"}}]}, 503, "503"),
        ({"error": {"message": "something"}}, 200, "unusable answer"),
        ({"detail": "something"}, 200, "unusable answer"),
    ],
)
def test_an_error_inside_an_answer_is_the_error_that_it_says(
    recorder: Recorder, tmp_path: Path, body: Any, status: int, kind: str
) -> None:
    recorder.answer = lambda path, headers, asked: (200, {}, body)
    with pytest.raises(WhyserError) as caught:
        ask(recorder.url, tmp_path, outage=0.05, attempts=2)
    assert (caught.value.status, caught.value.kind) == (status, kind)  # type: ignore[attr-defined]


# ---- parameters ---------------------------------------------------------------------------


def test_a_refused_parameter_is_left_out_and_remembered(
    server: Any, ask_all: Callable[..., Any], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    names = ["max_tokens", "temperature", "seed"]
    script = {f"{number}": [f"refuses:{','.join(names)}"] for number in range(20)}

    async def run() -> list[Reply]:
        settings = ChatSettings(server.url, "scripted", concurrency=1)
        parameters = {"max_tokens": 10, "temperature": 0, "seed": 1, "top_p": 0.5}
        async with Chat(settings, tmp_path / "l.jsonl") as chat:
            return [
                await chat.ask(
                    Request(
                        [{"role": "user", "content": name}],
                        {**parameters, "extra_body": {"script": steps}},
                    )
                )
                for name, steps in script.items()
            ]

    replies = asyncio.run(run())
    assert {reply.text for reply in replies} == {"max_completion_tokens,messages,model,top_p"}
    assert {reply.without for reply in replies} == {("seed", "temperature")}
    # The first question was asked once for each of the three, and no other more than once.
    assert server.count("asked") == {"0": 4, **dict.fromkeys([*script][1:], 1)}
    said = capsys.readouterr().err
    assert f"{server.url} refuses max_tokens, so it gets max_completion_tokens instead" in said
    assert said.count("refuses temperature, so it is asked without it") == 1
    with Ledger(tmp_path / "l.jsonl") as ledger:
        assert {entry.without for entry in ledger.entries()} == {("seed", "temperature")}
        # Other parameters would be another question, but these are the same one.
        assert len(ledger) == 20


def test_what_the_question_needs_is_not_left_out(server: Any, ask_all: Callable[..., Any]) -> None:
    outcome = ask_all(server, {"one": ["refuses:messages"]})
    assert "Unsupported parameter: 'messages'" in str(outcome.errors["one"])
    assert server.count("asked") == {"one": 1}


@pytest.mark.parametrize(
    ("error", "name"),
    [
        ({"error": OPENAI}, "temperature"),
        ({"error": {"message": 'Unknown name "seed": Cannot find field.'}}, "seed"),
        ({"error": {"message": "Use 'max_completion_tokens' for max_tokens."}}, "max_tokens"),
        ({"message": "[{'type': 'extra_forbidden', 'loc': ('body', 'seed')}]"}, "seed"),
        ({"error": "`temperature` and `top_p` cannot both be specified"}, "top_p"),
        ({"error": {"message": "max_tokens is too large: 512 > 256", "param": "max_tokens"}}, None),
        ({"error": {"message": "the context has 4096 tokens; max_tokens asks for more"}}, None),
        ({"error": {"message": "unsupported audio"}}, None),
        ("<html>Bad Request</html>", None),
        ([1], None),
    ],
)
def test_which_parameter_an_error_refuses(error: Any, name: str | None) -> None:
    sent = {"model": "m", "messages": [], "max_tokens": 1, "temperature": 0, "top_p": 1, "seed": 1}
    body = error if isinstance(error, str) else json.dumps(error)
    assert refused_parameter(sent, 400, body) == name
    assert refused_parameter({"messages": []}, 400, body) is None
    assert refused_parameter(sent, 500, body) is None


# ---- addresses ----------------------------------------------------------------------------


class Recorder:
    """A server in a thread that keeps each request's path and headers.

    `answer` gets path, headers and body; it returns status, headers and value.
    """

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.answer: Callable[[str, dict[str, str], Any], tuple[int, dict[str, str], Any]] = (
            lambda path, headers, body: (200, {}, said("yes"))
        )
        recorder = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                # The case of a name means nothing.
                headers = {name.lower(): value for name, value in self.headers.items()}
                recorder.asked.append((self.path, headers))
                status, more, value = recorder.answer(self.path, headers, body)
                data = b"" if value is None else json.dumps(value).encode()
                self.send_response(status)
                for name, text in {"Content-Type": "application/json", **more}.items():
                    self.send_header(name, text)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.server.server_port}"

    @property
    def url(self) -> str:
        return f"http://{self.host}/v1"

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


def said(text: str) -> Any:
    return {"choices": [{"finish_reason": "stop", "message": {"content": text}}]}


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    started = Recorder()
    yield started
    started.close()


@pytest.fixture
def other() -> Iterator[Recorder]:
    started = Recorder()
    yield started
    started.close()


def ask(url: str, folder: Path, **settings: Any) -> Reply:
    async def run() -> Reply:
        chosen = ChatSettings(url, "m", **{"backoff": 0.01, "timeout": 5.0, **settings})
        async with Chat(chosen, folder / "ledger.jsonl") as chat:
            return await chat.ask(Request([{"role": "user", "content": "?"}], {"max_tokens": 5}))

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("tail", "path"),
    [
        ("", "/v1/chat/completions"),
        ("/", "/v1/chat/completions"),
        ("/chat/completions", "/v1/chat/completions"),
        ("?api-version=2024-10-21", "/v1/chat/completions?api-version=2024-10-21"),
        ("/?code=a%2Bb%3D", "/v1/chat/completions?code=a%2Bb%3D"),
    ],
)
def test_the_path_stands_before_the_query(
    recorder: Recorder, tmp_path: Path, tail: str, path: str
) -> None:
    assert ask(f"{recorder.url}{tail}", tmp_path).text == "yes"
    assert [asked for asked, _ in recorder.asked] == [path]


def test_user_and_password_are_sent_and_shown_nowhere(
    recorder: Recorder,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-another-service")
    address = f"http://me:p%40ss-word-9@{recorder.host}/v1?code=query-secret-7"
    # This server tells all that it knows.
    recorder.answer = lambda path, headers, body: (
        200 if len(recorder.asked) == 1 else 400,
        {},
        said(f"{headers} {path}") if len(recorder.asked) == 1 else {"error": f"{headers} {path}"},
    )
    reply = ask(address, tmp_path)
    pair = base64.b64encode(b"me:p@ss-word-9").decode()
    ((_, headers),) = recorder.asked
    assert headers["authorization"] == f"Basic {pair}"
    with pytest.raises(WhyserError) as caught:
        ask(address, tmp_path / "again")
    shown = [reply.text, str(caught.value), *capfd.readouterr()]
    shown += [path.read_text() for path in tmp_path.rglob("*") if path.is_file()]
    for secret in ("p@ss-word-9", "p%40ss-word-9", pair, "query-secret-7", "sk-of-another"):
        assert not any(secret in text for text in shown), secret
    assert "Basic [key]" in reply.text and "Basic [key]" in str(caught.value)


def test_azure_gets_the_key_in_its_own_header(
    recorder: Recorder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-0123456789")
    ask(f"{recorder.url}?api-version=1", tmp_path)
    ask(recorder.url, tmp_path / "again")
    (_, azure), (_, usual) = recorder.asked
    assert azure["api-key"] == "sk-0123456789"
    assert usual["authorization"] == "Bearer sk-0123456789" and "api-key" not in usual


@pytest.mark.parametrize(
    "address",
    [
        "localhost:8000",
        "ftp://host/v1",
        "http:///v1",
        "http://host:port/v1",
        "http://[::1/v1",
        "http://ho st/v1",
        "https://me:secret/word@host/v1",
    ],
)
def test_an_address_that_cannot_be_is_refused_unseen(address: str) -> None:
    with pytest.raises(InputError, match="bad endpoint") as caught:
        ChatSettings(address, "m")
    assert "secret" not in str(caught.value) and "word@" not in str(caught.value)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(
    recorder: Recorder, other: Recorder, tmp_path: Path, status: int
) -> None:
    there = f"http://u:p@{other.host}/v1/chat/completions?sig=secret"
    recorder.answer = lambda *_: (status, {"Location": there}, None)
    with pytest.raises(EndpointError) as caught:
        ask(recorder.url, tmp_path)
    assert str(caught.value) == (
        f"{recorder.url}: status {status}: it redirects to {other.url}, and redirects are not "
        "followed. Give the address to which it redirects, if you trust that host with the clips."
    )
    assert other.asked == [] and len(recorder.asked) == 1
    with Ledger(tmp_path / "ledger.jsonl") as ledger:
        assert len(ledger) == 0


def test_a_redirect_on_the_same_host_is_told_with_its_whole_address(
    recorder: Recorder, tmp_path: Path
) -> None:
    recorder.answer = lambda *_: (308, {"Location": "/api/v1/chat/completions"}, None)
    with pytest.raises(EndpointError, match=f"it redirects to http://{recorder.host}/api/v1, and"):
        ask(recorder.url, tmp_path)
    assert len(recorder.asked) == 1


# ---- proxies ------------------------------------------------------------------------------


@pytest.fixture
def through(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)

    def name(proxy: str) -> None:
        monkeypatch.setenv("http_proxy", proxy)

    return name


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_this_machine_is_never_asked_through_a_proxy(
    recorder: Recorder, tmp_path: Path, through: Callable[[str], None], host: str
) -> None:
    through("http://127.0.0.1:9")
    address = recorder.url.replace("127.0.0.1", host)
    assert ask(address, tmp_path).text == "yes"


def test_another_machine_is_asked_through_the_proxy_and_this_is_told(
    recorder: Recorder,
    tmp_path: Path,
    through: Callable[[str], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    through(f"http://me:proxy-word@{recorder.host}")
    assert ask("http://ser.invalid/v1", tmp_path).text == "yes"
    ((path, headers),) = recorder.asked
    assert path == "http://ser.invalid/v1/chat/completions"
    pair = base64.b64encode(b"me:proxy-word").decode()
    assert headers["proxy-authorization"] == f"Basic {pair}"
    assert headers["authorization"] == "Bearer none"
    told = capsys.readouterr().err
    assert f"http://ser.invalid/v1 is asked through the proxy http://{recorder.host}" in told
    assert "proxy-word" not in told


def test_the_key_is_not_sent_to_the_proxy_of_a_tunnel(
    tmp_path: Path, through: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def refuse() -> None:
            connection, _ = listener.accept()
            with connection:
                asked.append(connection.recv(65_536))
                connection.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")

        proxy = threading.Thread(target=refuse)
        proxy.start()
        monkeypatch.setenv("OPENAI_API_KEY", "sk-0123456789")
        address = f"http://me:word@127.0.0.1:{listener.getsockname()[1]}"
        monkeypatch.setenv("https_proxy", address)
        with pytest.raises(EndpointError, match="status 403 from the proxy"):
            ask("https://ser.invalid/v1", tmp_path)
        proxy.join()
    (request,) = asked
    assert request.startswith(b"CONNECT ser.invalid:443 ")
    assert b"sk-0123456789" not in request
    assert base64.b64encode(b"me:word") in request


@pytest.mark.parametrize("status", [None, 407, 503])
def test_a_fault_of_the_proxy_names_it(
    recorder: Recorder, tmp_path: Path, through: Callable[[str], None], status: int | None
) -> None:
    proxy = f"http://{recorder.host}" if status else "http://127.0.0.1:9"
    through(proxy)
    recorder.answer = lambda *_: (status or 500, {}, {"error": "host not reachable"})
    with pytest.raises(WhyserError) as caught:
        ask("http://ser.invalid/v1", tmp_path, attempts=1)
    assert str(caught.value).endswith(
        f"http://ser.invalid/v1 is asked through the proxy {proxy} ($HTTP_PROXY): check the proxy "
        "and the address, or add ser.invalid to $NO_PROXY to ask it directly."
    )
