"""`whyser-eval study`: make a page for raters, read what they answered."""

from __future__ import annotations

from whyser.console import new_app

app = new_app("The human study: make writes a page for raters, read tells what they answered.")
