"""The human study: a page that raters open, and what their answers come to (paper, 3.4).

`make` writes the page (`material.py` is what it shows, `order.py` in which order) and a key that
stays away from it; `read` holds the raters' files (`answers.py`) against the key.
"""
