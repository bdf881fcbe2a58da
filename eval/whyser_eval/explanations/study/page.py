"""The page: the material as data, and the script that shows it."""

from __future__ import annotations

from whyser_eval.explanations.study.answers import FORMAT
from whyser_eval.explanations.study.material import CHOICES, Material
from whyser_eval.page.onefile import render_page
from whyser_eval.page.onefile.text import script_json

#: In the order in which they are put together.
_STYLES = ("palette.css", "study.css")
_SCRIPTS = (
    "data.js",
    "element.js",
    "order.js",
    "progress.js",
    "answers.js",
    "player.js",
    "item.js",
    "steps.js",
    "keyboard.js",
)


def render(material: Material) -> str:
    """The whole file as text; it reads its sound from the folder `audio` beside it."""
    data = {
        "format": FORMAT,
        "study": material.study,
        "choices": CHOICES,
        "items": [item.model_dump() for item in material.items],
    }
    return render_page(
        "whyser_eval.explanations.study",
        "page.html.jinja",
        styles=_STYLES,
        scripts=_SCRIPTS,
        media="'self' file:",
        title=material.title,
        consent=_paragraphs(material.consent),
        instructions={test: _paragraphs(text) for test, text in material.instructions.items()},
        data=script_json(data),
    )


def _paragraphs(text: str) -> list[str]:
    return [one.strip() for one in text.replace("\r\n", "\n").split("\n\n") if one.strip()]
