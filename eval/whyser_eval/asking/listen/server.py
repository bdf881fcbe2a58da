"""The server of the page: it shows the page, speaks the examples, and answers about a sound.

Only this machine may ask, and only our page: another page in the same browser could send requests
to this address too. So the host must be the one that was bound, which a name that leads here is
not, and a question needs a header that another page cannot send without our leave.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from socketserver import TCPServer
from typing import Any, get_args
from urllib.parse import parse_qs, urlsplit

from whyser import __version__
from whyser.io.errors import WhyserError
from whyser.io.visible import visible
from whyser.temporary import temporary_folder
from whyser_eval.asking.answers import Asker
from whyser_eval.asking.listen.examples import Examples
from whyser_eval.asking.references import Gender, Reference
from whyser_eval.asking.systems import AskedSystem
from whyser_eval.asking.views import LEGEND, STYLES, page_data, view
from whyser_eval.page.onefile import render_page, script_json

#: Bytes of a sound: half an hour of CD quality, of which a model hears the first seconds.
LARGEST = 256 << 20

#: Digits of a length that nobody can send.
_TOO_LONG = 16

#: Our page sends it with a question; its value does not matter.
HEADER = "X-Whyser"

_SCRIPTS = ("element.js", "marked.js", "answer.js", "listen.js", "theme.js")
_GENDERS: dict[str, Gender | None] = {"": None} | {name: name for name in get_args(Gender)}


@dataclass
class Listening:
    """What the page needs: whom to ask, and the references for a voice of this gender."""

    system: AskedSystem
    references: Callable[[Gender | None], list[Reference]]
    gender: Gender | None = None
    examples: Examples = field(default_factory=Examples)

    def __post_init__(self) -> None:
        """Raises: `InputError` for files of a reference that cannot be read."""
        self._references = cache(self.references)
        self._references(self.gender)

    def answer(self, sound: bytes, name: str, gender: Gender | None) -> dict[str, Any]:
        """The answer about a sound file, for the page, or why there is none."""
        with temporary_folder() as folder:
            # The name is a stranger's: only its letters count.
            path = folder / (re.sub(r"[^\w.-]+", "_", name)[-100:].lstrip(".") or "sound")
            path.write_bytes(sound)
            try:
                found = Asker(self.system, self._references(gender)).ask(path)
            except WhyserError as error:
                return {"problem": visible(str(error).replace(f"{folder}/", ""))}
            return {"answer": view(found)}

    def page(self) -> str:
        """The page as one file."""
        data = page_data() | {"window": self.system.window, "header": HEADER}
        return render_page(
            "whyser_eval.asking",
            "listen.html.jinja",
            styles=(*STYLES, "listen.css"),
            scripts=_SCRIPTS,
            media="'self' blob:",
            connect="'self'",
            system=self.system.name,
            window=self.system.window,
            gender=self.gender or "",
            local=self.system.is_local,
            examples=self.examples.listed,
            legend=LEGEND,
            version=__version__,
            data=script_json(data),
        )


class ListenServer(ThreadingHTTPServer):
    """Args: `host` and `port` to bind; port 0 takes a free one.

    Raises: `WhyserError` for an address that cannot be bound.
    """

    daemon_threads = True

    def __init__(self, listening: Listening, host: str = "127.0.0.1", port: int = 0) -> None:
        self.listening = listening
        self.page = listening.page().encode()
        try:
            super().__init__((host, port), _Handler)
        except OSError as error:
            what = f"{host}:{port} cannot be bound ({error.strerror})"
            raise WhyserError(f"{what}. Give another --port, or --host.") from None
        self.is_local = ip_address(str(self.server_address[0])).is_loopback
        names = {host, "localhost"}
        self.names = {f"{name}:{self.server_port}" for name in names}
        if self.server_port == 80:
            self.names |= names

    def server_bind(self) -> None:
        """As `HTTPServer`, which also asks the network for the name of this machine."""
        TCPServer.server_bind(self)
        host, port, *_ = self.server_address
        self.server_name, self.server_port = str(host), int(port)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that hangs up is no error."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)

    @property
    def url(self) -> str:
        return f"http://{self.server_address[0]!s}:{self.server_port}/"


class _Handler(BaseHTTPRequestHandler):
    server: ListenServer
    server_version, sys_version = "whyser", ""
    timeout = 60

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        if not self._may_ask():
            return
        path = urlsplit(self.path).path
        if path == "/":
            self._send(200, "text/html; charset=utf-8", self.server.page)
        elif path == "/favicon.ico":
            self._send(204, "image/x-icon", b"")
        elif found := re.fullmatch(r"/example/(\d)\.wav", path):
            examples = self.server.listening.examples
            if int(found[1]) < len(examples.listed):
                self._send(200, "audio/wav", examples.sound(int(found[1])))
            else:
                self._refuse(404, "no such example")
        else:
            self._refuse(404, "no such page")

    def do_POST(self) -> None:
        if not self._may_ask():
            return
        asked = urlsplit(self.path)
        if asked.path != "/ask" or HEADER not in self.headers:
            self._refuse(404, "no such page")
            return
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal():
            self._refuse(411, "the sound's length is missing")
            return
        if len(length) >= _TOO_LONG or int(length) > LARGEST:
            self._refuse(413, f"The sound is larger than {LARGEST >> 20} MB. Cut it.")
            return
        given = parse_qs(asked.query)
        name, gender = (given.get(key, [""])[0] for key in ("name", "gender"))
        sound = self.rfile.read(int(length))
        if len(sound) < int(length):
            # The beginning of a recording can be read, but nobody asked about it.
            self._refuse(400, "The sound arrived only in part. Send it again.")
            return
        found = self.server.listening.answer(sound, name, _GENDERS.get(gender))
        self._send_json(200, found)

    def _may_ask(self) -> bool:
        """Whether the request is for this server, by a page of this server."""
        host, origin = self.headers.get("Host", ""), self.headers.get("Origin")
        is_ours = not self.server.is_local or host in self.server.names
        if is_ours and origin in (None, f"http://{host}"):
            return True
        self._refuse(403, "only the page of whyser-eval listen may ask")
        return False

    def _refuse(self, status: int, why: str) -> None:
        # What was not read would be taken for the next request.
        self.close_connection = True
        self._send_json(status, {"problem": why})

    def _send_json(self, status: int, value: Any) -> None:
        self._send(status, "application/json", json.dumps(value).encode())

    def _send(self, status: int, kind: str, content: bytes) -> None:
        self.send_response(status)
        for name, value in {
            "Content-Type": kind,
            "Content-Length": str(len(content)),
            "Cache-Control": "no-store",
            "Content-Security-Policy": "frame-ancestors 'none'",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)
