"""Five miniature corpora in their native layouts and tiny models that can learn from them.

Nothing here imports the rest of whyser, so a converter's mistake cannot be copied into the data
that tests it.
"""
