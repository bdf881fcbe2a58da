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
from collections.abc import Callable
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


#: The same answer as it comes from servers that leave the thinking in the text, each model's in its
#: own marks.
WITH_THINKING = {
    "think": "<think>\nPlan.\n</think>\n\n{}",
    "think-open": "Plan.\n</think>\n\n{}",
    "thinking": '<thinking time="3">Plan.</thinking>{}',
    "seed": "<seed:think>Plan<seed:cot_budget_reflect>5</seed:cot_budget_reflect></seed:think>{}",
    "magistral": "[THINK]Plan.[/THINK]{}",
    "kimi": "\u25c1think\u25b7Plan.\u25c1/think\u25b7{}",
    "cohere": "<|START_THINKING|>Plan.<|END_THINKING|><|START_RESPONSE|>{}<|END_RESPONSE|>",
    "harmony": "<|channel|>analysis<|message|>Plan.<|end|><|start|>assistant<|channel|>final"
    "<|message|>{}<|return|>",
    "gemma": "<|channel>thought\nPlan.\n<channel|>{}",
}

THINKING = {"type": "thinking", "thinking": [{"type": "text", "text": "Plan."}]}

#: The message around the answer, as servers give it.
MESSAGES: dict[str, Callable[[str], dict[str, Any]]] = {
    **{
        kind: lambda said, text=text: {"content": text.format(said)}
        for kind, text in WITH_THINKING.items()
    },
    "fields": lambda said: {"content": said, "reasoning_content": "Plan.", "reasoning": "Plan."},
    "part": lambda said: {"content": {"type": "text", "text": said}},
    "parts": lambda said: {"content": [THINKING, {"type": "text", "text": said[:5]}, said[5:]]},
}

#: What is no answer: the thinking took all tokens, or the server took all text for thinking.
NO_ANSWERS: dict[str, tuple[dict[str, Any], str]] = {
    "reasoned-away": ({"content": None, "reasoning_content": "Plan."}, "length"),
    "reasoning-parts": ({"content": [THINKING]}, "length"),
    "cut-in-thinking": ({"content": "<thinking>Plan"}, "max_tokens"),
    "hidden-thinking": ({"content": ""}, "length"),
    "all-is-thinking": ({"content": None, "reasoning": "Plan."}, "stop"),
    "only-thinking": ({"content": "<think>Plan.</think>\n"}, "stop"),
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
        if kind in MESSAGES or kind in NO_ANSWERS:
            whole = answer(name, "")
            message, reason = NO_ANSWERS.get(kind, ({}, "stop"))
            whole["choices"][0]["message"] = message or MESSAGES[kind](f"because of {name}")
            whole["choices"][0]["finish_reason"] = reason
            return web.json_response(whole)
        match kind:
            case "refuses":
                return await refuses(detail.split(","), name, request)
            case "redirect":
                return web.Response(status=int(detail), headers={"Location": f"{request.url}/new"})
            case "plain":
                text = json.dumps(answer(name, f"because of {name}"))
                return web.Response(text=text, content_type="text/plain")
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


async def refuses(names: list[str], name: str, request: web.Request) -> web.StreamResponse:
    """Names the first of these parameters that the request has, in the words of some server."""
    asked = await request.json()
    for each in names:
        if each in asked:
            told = f"Unsupported parameter: '{each}' is not supported with this model."
            if len(each) % 2:
                detail = [{"type": "extra_forbidden", "loc": ["body", each], "msg": told}]
                return web.json_response({"detail": detail}, status=422)
            error = {"message": told, "param": each, "code": "unsupported_parameter"}
            return web.json_response({"error": error}, status=400)
    return web.json_response(answer(name, ",".join(sorted({*asked} - {"script"}))))


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
