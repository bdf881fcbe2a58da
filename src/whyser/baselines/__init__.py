"""Classifiers without a language model: one of measured cues, one on a speech encoder.

Both read their clips with `clips.py` and write their answers with `predictions.py`. `cues.py` needs
no torch; `ssl/` needs the extra `train`.
"""
