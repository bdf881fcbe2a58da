"""A figure one column of a paper wide, measured in inches: bars, whiskers, text.

Bars differ in lightness and hatching, so the figure also works without colour. The same calls give
the same bytes on every machine: both fonts come with the library.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from whyser.io.console import say
from whyser.io.extras import require
from whyser.io.files import atomic_path
from whyser.io.visible import visible
from whyser_eval.output.report.study import ShareEstimate

if TYPE_CHECKING:
    from matplotlib.text import Text

#: Width of a column in a two-column paper.
WIDTH = 3.4

#: Margin on either side.
EDGE = 0.04

INK, SOFT = "#1d2126", "#5a626c"

#: Suffix -> metadata to omit: the time of writing would change the bytes.
FORMATS: Mapping[str, Mapping[str, Any]] = {
    ".svg": {"Date": None},
    ".pdf": {"CreationDate": None},
    ".png": {},
}

_BAR, _CAP = 0.13, 0.03

#: A narrower part of a bar has no room for its digits.
_ROOM = 0.2

#: Maximum characters of a name that are measured.
_LONGEST = 80

#: Font size of the smaller text, in points.
_SMALL = 7

_STYLE: Mapping[str, Any] = {
    "font.family": ["STIXGeneral", "DejaVu Sans"],
    "font.size": 8,
    "text.parse_math": False,  # a dollar in a name does not start a formula
    "hatch.linewidth": 0.6,
    "legend.fontsize": _SMALL,
    "pdf.fonttype": 42,  # searchable text, which every publisher accepts
    "svg.hashsalt": "whyser",
    "savefig.dpi": 600,
}


@dataclass(frozen=True)
class BarStyle:
    """The style of a part of a bar; without `ink` its digits are not drawn."""

    face: str
    hatch: str = ""
    ink: str | None = None


@contextmanager
def drawing() -> Iterator[None]:
    """A context in which figures are drawn and written, with our style instead of the user's.

    Each warning of the library, such as a missing glyph, is printed once, on one line.

    Raises: `WhyserError` if matplotlib is not installed.
    """
    require("a figure", figures=["matplotlib"])
    from matplotlib import style

    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        with style.context(dict(_STYLE), after_reset=True):
            yield
    # Every font repeats the warning about the same glyph, in any order.
    for what in dict.fromkeys(str(one.message).partition(" from font")[0] for one in heard):
        say(f"warning: {what}")


class FigureCanvas:
    """Coordinates are inches from the upper left; shares 0 and 1 are at `left` and `right`."""

    def __init__(self, *, left: float, right: float, height: float) -> None:
        from matplotlib.figure import Figure

        self.left, self.right = left, right
        self.figure = Figure((WIDTH, height))
        self.axes = self.figure.add_axes((0, 0, 1, 1))
        self.axes.set(xlim=(0, WIDTH), ylim=(height, 0))
        self.axes.set_axis_off()

    def x(self, share: float) -> float:
        """The position of a share; values beyond 0 or 1 are clipped."""
        return self.left + min(max(share, 0.0), 1.0) * (self.right - self.left)

    def text(
        self, x: float, y: float, words: str, *, room: float | None = None, **how: Any
    ) -> None:
        """Draws text centred at height `y`, on white; cut with an ellipsis if `room` is given."""
        ground = {"fc": "white", "ec": "none", "pad": 0.6}
        look = {"color": INK, "va": "center", "bbox": ground} | how
        text = self.axes.text(x, y, " ".join(visible(words).split()), **look)
        if room is not None:
            self._cut(text, room)

    def _cut(self, text: Text, room: float) -> None:
        whole = text.get_text()
        for kept in range(min(len(whole), _LONGEST), 0, -1):
            if kept < len(whole):
                text.set_text(whole[:kept].rstrip() + "…")
            if text.get_window_extent().width <= room * self.figure.dpi:
                return

    def note(self, y: float, words: str) -> None:
        """Draws smaller, paler text at the right edge."""
        self.text(WIDTH - EDGE, y, words, ha="right", color=SOFT, size=_SMALL)

    def bar(self, y: float, parts: Iterable[tuple[float, BarStyle]]) -> None:
        """Draws shares side by side, centred at height `y`, with the outline of the whole bar."""
        from matplotlib.patches import Rectangle

        start = 0.0
        for share, look in parts:
            x, width = self.x(start), self.x(start + share) - self.x(start)
            part = Rectangle((x, y - _BAR / 2), width, _BAR, fc=look.face, ec=INK, lw=0.4)
            part.set_hatch(look.hatch)
            self.axes.add_patch(part)
            if look.ink and width >= _ROOM:
                ground = {"fc": look.face, "ec": "none", "pad": 0.6}
                how: dict[str, Any] = {"color": look.ink, "size": _SMALL, "bbox": ground}
                self.text(x + width / 2, y, f"{100 * share:.1f}", ha="center", **how)
            start += share
        outline = (self.left, y - _BAR / 2), self.right - self.left, _BAR
        self.axes.add_patch(Rectangle(*outline, fc="none", ec=INK, lw=0.4))

    def whisker(self, y: float, estimate: ShareEstimate) -> None:
        """Draws the interval with its caps, with a white border, and a dot at the value."""
        if estimate.value is None:
            return
        if estimate.low is not None and estimate.high is not None:
            low, high = self.x(estimate.low), self.x(estimate.high)
            for colour, width in (("white", 2.0), (INK, 0.9)):
                self.axes.hlines(y, low, high, colors=colour, lw=width, zorder=3)
                self.axes.vlines((low, high), y - _CAP, y + _CAP, colors=colour, lw=width, zorder=3)
        self.axes.plot(
            self.x(estimate.value), y, "o", ms=3, mfc=INK, mec="white", mew=0.5, zorder=4
        )

    def scale(self, top: float, y: float, words: str) -> None:
        """Draws the axis from 0 to 100, and a dashed line at one half from `top` down."""
        self.axes.vlines(self.x(0.5), top, y, colors=SOFT, lw=0.5, linestyles=(0, (3, 3)), zorder=0)
        self.axes.hlines(y, self.left, self.right, colors=INK, lw=0.5)
        for share in (0, 0.25, 0.5, 0.75, 1):
            self.axes.vlines(self.x(share), y, y + _CAP, colors=INK, lw=0.5)
            self.text(self.x(share), y + 0.09, f"{100 * share:.0f}", ha="center", size=_SMALL)
        middle = (self.left + self.right) / 2
        self.text(middle, y + 0.21, words, ha="center", size=_SMALL)

    def legend(self, looks: Sequence[tuple[str, BarStyle]], marked: str) -> None:
        """Draws the legend at the lower edge: parts of a bar, and the meaning of the whisker."""
        from matplotlib.lines import Line2D
        from matplotlib.patches import Patch

        handles: list[Any] = [
            Patch(fc=look.face, ec=INK, hatch=look.hatch, lw=0.4, label=word)
            for word, look in looks
        ]
        dot = Line2D([], [], color=INK, lw=0.9, marker="o", ms=3, mec="white", mew=0.5)
        dot.set_label(marked)
        self.figure.legend(
            handles=[*handles, dot],
            loc="lower center",
            ncols=len(handles) + 1,
            frameon=False,
            handlelength=1.4,
            handletextpad=0.5,
            columnspacing=1.1,
            borderpad=0.1,
        )

    def write(self, path: Path) -> None:
        """Raises: `KeyError` for a suffix that is none of `FORMATS`."""
        metadata = dict(FORMATS[path.suffix])
        with atomic_path(path) as temporary:
            self.figure.savefig(temporary, metadata=metadata)
