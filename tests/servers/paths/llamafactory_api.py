"""`llamafactory-cli api` that also records the token ids of every prompt that its model gets.

Usage: IDS=FILE python llamafactory_api.py --model_name_or_path MODEL ...
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from llamafactory.api.app import run_api
from llamafactory.chat.hf_engine import HuggingfaceEngine

process_args = HuggingfaceEngine._process_args


def noting(*arguments: Any, **named: Any) -> Any:
    generate_with, length = process_args(*arguments, **named)
    with Path(os.environ["IDS"]).open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(generate_with["inputs"][0].tolist()) + "\n")
    return generate_with, length


if __name__ == "__main__":
    HuggingfaceEngine._process_args = staticmethod(noting)
    run_api()
