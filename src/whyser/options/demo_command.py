"""`whyser-demo`: the demo's functions as commands.

They are defined outside of the demo, because the demo imports no room of this project.
"""

from __future__ import annotations

from whyser.demo.cli import corpora, encoder, model
from whyser.io.console import new_app, run
from whyser.io.extras import needs

app = new_app("Make synthetic corpora and tiny models, to try every command without a licence.")
app.command()(needs(demo=["espeakng_loader"])(corpora))
app.command()(needs(demo=["torch", "transformers", "tokenizers"])(model))
app.command()(needs(demo=["torch", "transformers"])(encoder))


def main() -> None:
    run(app)


if __name__ == "__main__":
    main()
