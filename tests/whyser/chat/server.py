"""An OpenAI-compatible server that fails in the ways that a request defines.

    python server.py LOG [--port N] [--delay SECONDS]

A request may have a `script`: what to do the first time it is asked, the second, and so on; the
last step is repeated. LOG gets `asked NAME` and `delivered NAME`, where NAME is the text of the
last message. The log outlives the server, which may be killed and restarted.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
from collections import Counter
from email.utils import formatdate
from pathlib import Path
from typing import Any

from aiohttp import web


def answer(name: str, content: Any) -> dict[str, Any]:
    return {
        "model": "scripted",
        "choices": [{"finish_reason": "stop", "message": {"content": content}}],
        "usage": {"prompt_tokens": 100, "completion_tokens": 10, "name": name},
    }


class Server:
    def __init__(self, log: Path, delay: float) -> None:
        self.delay = delay
        self.asked: Counter[str] = Counter()
        self.log = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def note(self, event: str, name: str) -> None:
        os.write(self.log, f"{event} {name}\n".encode())

    async def handle(self, request: web.Request) -> web.StreamResponse:
        asked = await request.json()
        content = asked["messages"][-1]["content"]
        name = content if isinstance(content, str) else content[-1]["text"]
        script = asked.get("script", ["ok"])
        step = script[min(self.asked[name], len(script) - 1)]
        self.asked[name] += 1
        self.note("asked", name)
        await asyncio.sleep(asked.get("delay", self.delay))
        response = await self.play(step, name, request)
        if not response.prepared:
            await response.prepare(request)
        await response.write_eof()
        if step == "ok":
            self.note("delivered", name)
        return response

    async def play(self, step: str, name: str, request: web.Request) -> web.StreamResponse:
        kind, _, detail = step.partition(":")
        key = request.headers["Authorization"]
        match kind:
            case "ok":
                return web.json_response(answer(name, f"because of {name}"))
            case "hang":
                await asyncio.sleep(3600)
            case "drip":
                return await drip(request)
            case "cut":
                return await cut_short(request)
            case "empty":
                return web.json_response(answer(name, "  \n"))
            case "refusal":
                whole = answer(name, None)
                whole["choices"][0]["message"]["refusal"] = "I cannot judge that."
                return web.json_response(whole)
            case "number":
                return web.json_response(answer(name, 5))
            case "sound":
                return web.json_response(answer(name, [{"type": "audio", "audio": {}}]))
            case "error":
                return web.json_response({"error": {"message": "provider failed", "code": None}})
            case "aborted":
                whole = answer(name, "because of")
                whole["choices"][0]["finish_reason"] = "abort"
                return web.json_response(whole)
            case "later-in-200":
                error = {"message": "Provider returned error", "code": 429}
                return web.json_response({"id": None, "choices": None, "error": error})
            case "none":
                return web.json_response({"choices": []})
            case "invalid":
                return web.Response(text='{"choices": [', content_type="application/json")
            case "surrogate":
                return web.Response(
                    text=json.dumps(answer(name, "\ud800")), content_type="application/json"
                )
            case "html":
                return web.Response(text="<html>fine</html>", content_type="text/html")
            case "echo":
                return web.json_response({"error": {"message": f"you said {key}"}}, status=400)
            case "echo-answer":
                return web.json_response(answer(name, f"you said {key}"))
            case "later":
                headers = {"Retry-After": detail} if detail else {}
                return web.json_response({"error": "slow down"}, status=429, headers=headers)
            case "quota":
                error = {"code": "insufficient_quota", "message": "no money left"}
                return web.json_response({"error": error}, status=429)
            case "date":
                # Dates have whole seconds: one that is past, to be taken as 'now'.
                headers = {"Retry-After": formatdate(usegmt=True)}
                return web.json_response({"error": "slow down"}, status=429, headers=headers)
        return web.json_response({"error": {"message": f"status {kind}"}}, status=int(kind))


async def cut_short(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    response.content_length = 1000
    await response.prepare(request)
    await response.write(b'{"choices": [{"message": ')
    assert request.transport is not None
    request.transport.close()
    return response


async def drip(request: web.Request) -> web.StreamResponse:
    """A byte now and then: never silent, never done."""
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    await response.prepare(request)
    while True:
        await response.write(b" ")
        await asyncio.sleep(0.05)


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("log", type=Path)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--delay", type=float, default=0.0)
    arguments = parser.parse_args()
    server = Server(arguments.log, arguments.delay)
    application = web.Application(client_max_size=2**26)
    application.router.add_post("/v1/chat/completions", server.handle)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", arguments.port, reuse_address=True)
    await site.start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
