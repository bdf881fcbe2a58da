"""The human study: a page that raters open, and what their answers come to (paper, 3.4).

`make` writes the page (`material.py` is what it shows, and in which order) and a key that must not
lie in the page's folder; `read` checks the raters' files (`files.py`) against the key.
"""
