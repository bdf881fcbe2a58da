"""Rows without a language model: what measured cues and a speech encoder make of the same split.

`clips.py` says what is trained and tested on, `predictions.py` writes what came of it, the same
for both; `cues.py` needs no torch, `ssl/` needs the extra `train`.
"""
