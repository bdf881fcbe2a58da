"""A YAML's rows as LLaMA-Factory would save them for `tokenized_path`, in seconds.

LLaMA-Factory loads every clip and computes its mel only to learn how many tokens it takes
(docs/design.md, "What LLaMA-Factory does"). The rest of its preprocessing is its own here too; two
things are put in its way: the length comes from the file's header, and a text that was encoded
before is not encoded again.

    settings.py   the YAML, read by LLaMA-Factory's own parser on whatever machine
    rows.py       every row that the run uses, judged as `check` judges it
    sounds.py     mel frames of a clip, from its header
    encode.py     LLaMA-Factory's processor of rows with the two seams, and what a cut costs
    shards.py     the rows in parts, each named by the hash of what it is made of
    write.py      from a YAML to the finished folder

Nothing but these modules may import LLaMA-Factory, and they do so only when they run.
"""
