"""Tokenises a YAML's rows as LLaMA-Factory would for `tokenized_path`, in seconds.

LLaMA-Factory loads every clip and computes its mel only to find its number of tokens
(docs/design.md, "What LLaMA-Factory does"). Here the length comes from the file's header, and no
text is encoded twice; the rest of the preprocessing is LLaMA-Factory's own.

    settings.py   the YAML, read with LLaMA-Factory's own parser on any machine
    rows.py       every row that the run uses, with the checks of `check`
    sounds.py     mel frames of a clip, from its header
    encode.py     LLaMA-Factory's processor of rows with the two changes, and what a cut loses
    shards.py     the rows in shards, each named by the hash of its inputs
    write.py      from a YAML to the finished folder

Only these modules may import LLaMA-Factory, and only when they run.
"""
