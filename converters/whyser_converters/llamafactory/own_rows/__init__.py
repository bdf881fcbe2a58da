"""Rows of a user's own `dataset_info.json` -> a corpus: `whyser-convert import`.

`read` finds what each row says, `write` gives the rows their ids, utterances and manifests.
"""
