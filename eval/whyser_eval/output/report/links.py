"""Links into the browser of samples: its filters stand in the page's own address."""

from __future__ import annotations

from urllib.parse import urlencode

from whyser.io.visible import visible
from whyser_eval.scoring.systems import SystemName


def link(name: SystemName, **filters: str) -> str:
    """The samples of a system that pass the filters.

    >>> link(SystemName("tiny", "open", "none"), gold="sad")
    '#system=tiny&form=open&control=none&gold=sad'
    """
    chosen = {"system": visible(name.model), "form": name.form, "control": name.control}
    return f"#{urlencode(chosen | filters)}"
