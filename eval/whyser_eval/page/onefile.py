"""A page in one file: template, style and script; the browser runs no other script in it."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from importlib import resources
from typing import Any

from whyser.io.visible import visible

#: Maximum characters of a text on a page; samples.jsonl has the whole text.
SHOWN = 4_000


def render_page(
    package: str,
    template: str,
    *,
    styles: Sequence[str],
    scripts: Sequence[str],
    media: str,
    connect: str = "'none'",
    **shown: Any,
) -> str:
    """The whole file as text.

    Args:
        package: has the folders `template`, `style` and `script`; a style or script that it lacks
            is taken from this package
        styles, scripts: names, in the order in which they are joined
        media: allowed sources of audio, as in a content security policy
        connect: where the script may send requests; a page in a file sends none
        shown: variables of the template besides `policy`, `style` and `script`
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader(package, "template"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["visible"] = visible
    style, script = _together(package, "style", styles), _together(package, "script", scripts)
    return environment.get_template(template).render(
        **shown, policy=_policy(script, style, media, connect), style=style, script=script
    )


def _together(package: str, folder: str, names: Sequence[str]) -> str:
    texts = []
    for name in names:
        own = resources.files(package).joinpath(folder, name)
        shared = resources.files("whyser_eval.page").joinpath(folder, name)
        texts.append((own if own.is_file() else shared).read_text(encoding="utf-8"))
    return "\n".join(texts)


def _policy(script: str, style: str, media: str, connect: str) -> str:
    """A content security policy that allows only our script and style, and audio from `media`.

    Both are named by hash, so that injected code cannot run.
    """
    return (
        f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; "
        f"media-src {media}; connect-src {connect}; base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def cut(text: str | None) -> str | None:
    """The first `SHOWN` characters, and the number of omitted ones.

    >>> cut("a" * 5_000)[-28:]
    ' … and 1,000 more characters'
    """
    if text is None or len(text) <= SHOWN:
        return text
    return f"{text[:SHOWN]} … and {len(text) - SHOWN:,} more characters"


def script_json(value: Any) -> str:
    """JSON for a script element: nothing in it can end the element.

    >>> script_json("</script>")
    '"\\\\u003c/script>"'
    """
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    for mark in "<\u2028\u2029":
        text = text.replace(mark, f"\\u{ord(mark):04x}")
    return text
