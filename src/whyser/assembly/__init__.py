"""`whyser-speechlm`: checkpoints of pretrained parts.

    recipes.py   the parts and settings of each paper's model
    parts.py     loads encoders and language models
    tokens.py    the special tokens that the tokenizer needs
    build.py     assembles the parts of a related architecture and writes the checkpoint
    native.py    the same for a native Qwen2-Audio, which brings no code
    probe.py     what each branch of a model encodes
    cli.py       the command

The code of a related architecture is `whyser.speechlm`, which is copied into the checkpoint.
"""
