"""`whyser-speechlm`: checkpoints of related architectures, from pretrained parts.

    recipes.py   the parts and settings of each paper's model
    parts.py     loads encoders and language models
    tokens.py    the special tokens that the tokenizer needs
    build.py     assembles the parts and writes the checkpoint
    probe.py     what each branch of a model encodes
    cli.py       the command

The model's code is `whyser.speechlm`, which is copied into the checkpoint.
"""
