"""`whyser-speechlm`: checkpoints of the neighbours' architectures, from pretrained parts.

    recipes.py   what each paper's model consists of
    parts.py     encoders and language models, loaded and made sure that they fit
    tokens.py    what the language model's tokenizer must know
    build.py     the parts as one folder, and what trains of it
    cli.py       the command

The model's own code is `whyser.speechlm`, which goes into the folder.
"""
