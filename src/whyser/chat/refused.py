"""Parameters that an endpoint refuses: a model that reasons may take no temperature, for example.

A refused parameter is left out, or gets its other name, and the question is asked once more. What
then succeeds is remembered for all further questions of the run.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from whyser.chat.faults import message_of

#: OpenAI's models that reason refuse the old name, and older servers do not know the new one.
RENAMED = {"max_tokens": "max_completion_tokens"}

#: What can be left out, in this order if an error names several. Without any other parameter it
#: would be another question.
DISPENSABLE = ("seed", "top_p", "response_format", "temperature")

_REFUSED = re.compile(
    r"unsupported|not support|n't support|unrecogni[sz]ed|unknown|unexpected|deprecated|cannot"
    r"|extra.?(?:input|forbid)|not (?:be )?(?:permitted|allowed|accepted|specified)"
    r"|max_completion_tokens",
    re.IGNORECASE,
)


def adapted(body: Mapping[str, Any], refused: Collection[str]) -> dict[str, Any]:
    """The body of a request without what the endpoint refuses.

    >>> adapted({"seed": 1, "max_tokens": 5}, {"seed", "max_tokens"})
    {'max_completion_tokens': 5}
    """
    return {
        RENAMED[name] if name in RENAMED and name in refused else name: value
        for name, value in body.items()
        if name in RENAMED or name not in refused
    }


def refused_parameter(sent: Mapping[str, Any], status: int, body: str) -> str | None:
    """The parameter of the request that an error refuses, if it can do without it."""
    if status not in (400, 422):
        return None
    named, message = set(_named_in(body)), message_of(body)
    for name in (*RENAMED, *DISPENSABLE):
        if name not in sent:
            continue
        is_named = name in named if named else re.search(rf"(?<![\w.]){name}(?!\w)", message)
        # The value may be too large: then the other name would not help.
        if is_named and (_REFUSED.search(message) or (named and name not in RENAMED)):
            return name
    return None


def _named_in(body: str) -> Iterator[str]:
    """The names in `error.param`, as OpenAI gives it, and in `detail[].loc`, as FastAPI does."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return
    if not isinstance(value, dict):
        return
    error = value.get("error")
    param = error.get("param") if isinstance(error, dict) else value.get("param")
    if isinstance(param, str):
        yield param.split(".")[0]
    detail = value.get("detail")
    for each in detail if isinstance(detail, list) else ():
        place = each.get("loc") if isinstance(each, dict) else None
        yield from (str(name) for name in place or () if name != "body")
