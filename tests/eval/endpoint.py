"""An endpoint in a thread: it answers as a test defines, and keeps the requests."""

from __future__ import annotations

import base64
import io
import json
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import soundfile

#: What a test says of a request: the text, or a status with or without the server's message.
Mind = Callable[[dict[str, Any]], str | int | tuple[int, str]]


class Endpoint:
    """`template` writes the prompt that `/tokenize` and `/detokenize` tell; None for a server
    that has neither. `weighed` gives the tokens of an answer to a request with `logprobs`."""

    def __init__(self, answer: Mind) -> None:
        self.answer = answer
        self.template: Callable[[str], str] | None = None
        self.weighed: list[dict[str, Any]] | None = None
        self.delay = 0.0
        self.asked: list[dict[str, Any]] = []
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        # A client that was killed hangs up; that is what the tests are about.
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/v1"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def reply(self, path: str, body: dict[str, Any]) -> tuple[int, Any]:
        if path in {"/tokenize", "/detokenize"} and self.template is not None:
            if path == "/tokenize":
                return 200, {"tokens": [ord(letter) for letter in self.template(question(body))]}
            return 200, {"prompt": "".join(map(chr, body["tokens"]))}
        if path.split("?")[0] != "/v1/chat/completions":
            return 404, {"error": "no such path"}
        with self._lock:
            self.asked.append(body)
        time.sleep(self.delay)
        told = self.answer(body)
        if isinstance(told, int):
            told = told, f"status {told}"
        if isinstance(told, tuple):
            return told[0], {"error": {"message": told[1]}}
        choice: dict[str, Any] = {"finish_reason": "stop", "message": {"content": told}}
        if body.get("logprobs") and self.weighed is not None:
            choice["logprobs"] = {"content": self.weighed}
        return 200, {"model": body["model"], "choices": [choice]}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                status, value = endpoint.reply(self.path, body)
                data = json.dumps(value).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: object) -> None:
                pass

        return Handler


def question(body: dict[str, Any]) -> str:
    """The text of the question."""
    return str(body["messages"][0]["content"][-1]["text"])


def sound(body: dict[str, Any]) -> bytes | None:
    """The clip that came along."""
    first = body["messages"][0]["content"][0]
    if first["type"] != "audio_url":
        return None
    return base64.b64decode(first["audio_url"]["url"].partition(",")[2])


def samples(body: dict[str, Any]) -> Any:
    """The clip as samples and rate."""
    clip = sound(body)
    assert clip is not None
    return soundfile.read(io.BytesIO(clip), dtype="int16")
