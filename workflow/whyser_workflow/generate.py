"""Answers every test set on one load of the model, by LLaMA-Factory's own code.

`llamafactory-cli` would load the model once per set, start a stopped set again, and spend 25 ms an
answer on BLEU and ROUGE, which say nothing about a class. Here each set is answered in blocks, and
a block is on the disk before the next one begins.

    python -m whyser_workflow.generate SETTINGS.yaml
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import llamafactory.train.sft.workflow as sft
from llamafactory.train.sft.trainer import CustomSeq2SeqTrainer
from llamafactory.train.tuner import run_exp
from transformers.trainer_utils import PredictionOutput

from whyser.io.files import atomic_path, sync
from whyser.temporary import names_when_full

#: Batches of a process in a block.
BATCHES = 8
FILE = "generated_predictions.jsonl"


class BlockwiseTrainer(CustomSeq2SeqTrainer):
    """Predicts the sets in turn, each into `output_dir/NAME/generated_predictions.jsonl`."""

    def predict(self, sets: Mapping[str, Any], **options: Any) -> PredictionOutput:
        """Answers the sets that have no file yet, in blocks of whole batches."""
        folder = Path(self.args.output_dir)
        for name, rows in sets.items():
            if not (folder / name / FILE).exists():
                self._answer(folder / name, rows, options)
        return PredictionOutput(None, None, {"predict_sets": len(sets)})

    def save_predictions(self, *_: Any) -> None:
        """Does nothing: the blocks are saved already."""

    def _answer(self, folder: Path, rows: Any, options: Mapping[str, Any]) -> None:
        size = BATCHES * self.args.per_device_eval_batch_size * self.args.world_size
        partial = folder / "partial.jsonl"
        done = self._whole_blocks(partial, size)
        block_folder = folder / "block"
        block_folder.mkdir(exist_ok=True)
        for first in range(done, len(rows), size):
            block = rows.select(range(first, min(first + size, len(rows))))
            result = super().predict(block, **options)
            # The answers as LLaMA-Factory decodes them. They never lie where a whole set would.
            self.args.output_dir = str(block_folder)
            super().save_predictions(block, result)
            self.args.output_dir = str(folder.parent)
            if self.is_world_process_zero():
                _append(partial, (block_folder / FILE).read_bytes())
            self.accelerator.wait_for_everyone()
        if self.is_world_process_zero():
            (block_folder / FILE).unlink(missing_ok=True)
            block_folder.rmdir()
            partial.replace(folder / FILE)
        self.accelerator.wait_for_everyone()

    def _whole_blocks(self, partial: Path, size: int) -> int:
        """Answers of whole blocks that an earlier process wrote; a part of a block is cut off."""
        partial.parent.mkdir(parents=True, exist_ok=True)
        if not partial.exists():
            return 0
        written = partial.read_bytes().splitlines(keepends=True)
        # The last line may be cut short.
        lines = [line for line in written if line.endswith(b"\n")]
        kept = len(lines) // size * size
        if self.is_world_process_zero():
            with atomic_path(partial) as temporary:
                temporary.write_bytes(b"".join(lines[:kept]))
        self.accelerator.wait_for_everyone()
        return kept


def _append(path: Path, content: bytes) -> None:
    with names_when_full(path), path.open("ab") as stream:
        stream.write(content)
        stream.flush()
        sync(stream.fileno())


def main() -> None:
    sft.CustomSeq2SeqTrainer = BlockwiseTrainer
    sft.ComputeSimilarity = lambda tokenizer: None
    run_exp()


if __name__ == "__main__":
    main()
