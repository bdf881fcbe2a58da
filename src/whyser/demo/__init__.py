"""Five miniature corpora in their native layouts and tiny models that can learn from them.

The demo imports nothing else of whyser, so the data cannot copy a mistake of the converter that
it tests.
"""
