"""Whyser: speech emotion recognition that says why, scored against every annotator."""

__version__ = "0.1.0"
