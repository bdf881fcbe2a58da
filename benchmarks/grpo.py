"""Trains a tiny model with the rewards, by TRL's GRPOTrainer on a CPU, and watches what rises.

    python benchmarks/grpo.py
    python benchmarks/grpo.py --seeds 0 --steps 20 --strict

TRL comes with the extra train (LLaMA-Factory needs it); elsewhere: pip install 'trl>=0.24,<0.25'.

The model has random weights and reads the measured cues as words in its prompt. A few
supervised steps teach it the form of Eq. 1 from answers of a poor teacher: most of its claims are
drawn by chance, and so are half of its labels. GRPO then trains it with the weighted sum alone.
`own` trains with each clip's own cues; the control `others` trains with those of another clip, so
that its claims must not become true. Each figure is the mean over clips that no training saw, of
one sampled answer each: before the first step of GRPO, and after the last one. `groundedness,
shuffled` compares the same answers with the cues of another clip, and must not rise either.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from figures import Figure, options_of, show

from whyser import rewards
from whyser.demo import sentences
from whyser.evidence.cues import FAMILIES, Cue, Cues, level_of
from whyser.io.console import say
from whyser.labels.classes import CLASSES, EmotionClass
from whyser.prompting.answer import render_answer
from whyser.prompting.prompts import OPEN
from whyser.records.derangement import derangement
from whyser.records.utterance import Utterance, Vote
from whyser.rewards.chance import chances
from whyser_converters.datasets.grpo import GrpoRow

SEEDS, STEPS, WARM_UP, ROWS, UNSEEN = (0, 1, 2), 60, 800, 1024, 256
#: Completions of a step, of these for each prompt, and tokens of each.
BATCH, GENERATIONS, LONGEST = 64, 8, 64
WIDTH, LAYERS, HEADS = 64, 2, 4
#: How much of what the poor teacher says is drawn by chance.
INVENTED_CLAIMS, INVENTED_LABELS = 0.6, 0.5
#: A rise counts from so many standard errors of the mean difference over the unseen clips.
LEAST_RISE = 2.0

Row = dict[str, Any]
Floats = list[float]


def main() -> None:
    arguments = _arguments()
    torch.set_num_threads(1)
    figures: list[Figure] = []
    for seed in arguments.seeds:
        say(f"seed {seed}")
        figures += of_seed(seed, arguments)
    title = f"{arguments.steps} steps of GRPO, {arguments.unseen} unseen clips"
    show(title, figures, strict=arguments.strict)


def _arguments() -> argparse.Namespace:
    parser = options_of(__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS, help="seeds [%(default)s]")
    for name, default, of in (
        ("--steps", STEPS, "steps of GRPO"),
        ("--warm-up", WARM_UP, "supervised steps"),
        ("--rows", ROWS, "clips for training"),
        ("--unseen", UNSEEN, "clips for the figures"),
    ):
        parser.add_argument(name, type=int, default=default, help=f"number of {of} [%(default)s]")
    return parser.parse_args()


def of_seed(seed: int, arguments: argparse.Namespace) -> Iterator[Figure]:
    random_ = random.Random(seed)
    clips = [clip(number, random_) for number in range(arguments.rows + arguments.unseen)]
    rows = rows_of(clips)
    train, unseen = rows[: arguments.rows], rows[arguments.rows :]

    def lesson() -> tuple[str, str]:
        place = random_.randrange(arguments.rows)
        return rows[place]["prompt"], poor_answer(*clips[place], random_)

    student = Student(
        [lesson() for _ in range(1_000)] + [(row["prompt"], "") for row in rows], seed
    )
    student.imitate(lesson, arguments.warm_up)
    begun = {name: value.clone() for name, value in student.model.state_dict().items()}
    before = measured(student, unseen, seed)
    for name, own in (("own", train), ("others", with_cues_of_others(train, seed))):
        student.model.load_state_dict(begun)
        student.reinforce(own, arguments.steps, seed)
        yield from compared(f"seed {seed}, {name}", before, measured(student, unseen, seed))


def compared(
    who: str, before: Mapping[str, Floats], after: Mapping[str, Floats]
) -> Iterator[Figure]:
    is_control = who.endswith("others")
    for name, start in before.items():
        rises = [after_ - before_ for before_, after_ in zip(start, after[name], strict=True)]
        error = statistics.stdev(rises) / len(rises) ** 0.5
        rise = statistics.fmean(rises)
        means = (statistics.fmean(each) for each in (start, after[name]))
        figure = f"{' -> '.join(f'{mean:.3f}' for mean in means)} ({rise:+.3f}, s.e. {error:.3f})"
        must_rise = name in {"weighted sum", "groundedness"} and not is_control
        if must_rise or name.startswith("groundedness"):
            bound = "rises" if must_rise else "does not rise"
            yield Figure(f"{who}: {name}", figure, bound, (rise > LEAST_RISE * error) == must_rise)
        else:
            yield Figure(f"{who}: {name}", figure)


# ---- clips, and what a teacher says of them ------------------------------------------------


def clip(number: int, random_: random.Random) -> tuple[Utterance, Cues]:
    """An utterance whose label follows from three of its cues, with five votes."""
    cues = made_cues(f"c/{number}", {name: random_.gauss(0, 1) for name in FAMILIES})
    label = _label(cues)
    votes = [label if random_.random() < 0.7 else random_.choice(CLASSES) for _ in range(5)]
    utterance = Utterance(
        id=cues.id, corpus="c", split="train", audio=None, duration=None, sampling_rate=None,
        channels=None, transcript=random_.choice(sorted(sentences.CREMA_D.values())), speaker=None,
        gender=None, label=label, label_raw="",
        votes=tuple(Vote(rater=str(i), primary=one, raw=one) for i, one in enumerate(votes)),
    )  # fmt: skip
    return utterance, cues


def made_cues(id_: str, strengths: Mapping[str, float]) -> Cues:
    cues = {
        name: Cue(value=1.0, deviation=one, strength=one, level=level_of(one))
        for name, one in strengths.items()
    }
    return Cues(id=id_, reference="speaker", **cues)


def _label(cues: Cues) -> EmotionClass:
    pitch, loudness, rate = (getattr(cues, name).level for name in ("pitch", "loudness", "rate"))
    if loudness == "high":
        return "angry" if rate != "low" else "disgust"
    if pitch == "high":
        return "happy" if rate == "high" else "fear"
    return "sad" if "low" in (loudness, rate) else "neutral"


#: What the poor teacher says of each family and level.
SAID: Mapping[str, Mapping[str, str]] = {
    "pitch": {"low": "the pitch is low", "normal": "the pitch is ordinary",
              "high": "the pitch is high"},
    "pitch_range": {"low": "the melody is flat", "normal": "the melody is of ordinary width",
                    "high": "the melody is lively"},
    "loudness": {"low": "the voice is quiet", "normal": "the loudness is ordinary",
                 "high": "the voice is loud"},
    "rate": {"low": "the speech is slow", "normal": "the pace is ordinary",
             "high": "the speech is fast"},
    "pauses": {"low": "there are hardly any pauses", "normal": "the pauses are ordinary",
               "high": "long pauses break the phrase"},
}  # fmt: skip


def poor_answer(utterance: Utterance, cues: Cues, random_: random.Random) -> str:
    """Eq. 1 with three families, of levels and a label that are mostly invented."""
    told = []
    for name in random_.sample(FAMILIES, 3):
        invents = random_.random() < INVENTED_CLAIMS
        level = random_.choice(("low", "normal", "high")) if invents else getattr(cues, name).level
        told.append(SAID[name][level])
    rationale = f"{', '.join(told)}."
    label = random_.choice(CLASSES) if random_.random() < INVENTED_LABELS else utterance.emotion
    return render_answer(
        label, transcript=utterance.transcript, rationale=rationale[0].upper() + rationale[1:]
    )


def rows_of(clips: Sequence[tuple[Utterance, Cues]]) -> list[Row]:
    """The rows of `whyser-convert grpo`, with a prompt that says what the sound would show."""
    table = json.dumps(chances([cues for _, cues in clips]))
    return [
        GrpoRow(utterance, Path("none.wav"), OPEN, cues, table).line()
        | {"prompt": _prompt(utterance, cues)}
        for utterance, cues in clips
    ]


def _prompt(utterance: Utterance, cues: Cues) -> str:
    heard = " ".join(f"{name}_{cue.level}" for name, cue in cues.measured().items())
    return f"{heard} : {utterance.transcript}\n"


def with_cues_of_others(rows: Sequence[Row], seed: int) -> list[Row]:
    cues = {row["id"]: row["cues"] for row in rows}
    other = dict(derangement(cues, random.Random(seed)))
    return [{**row, "cues": cues[other[row["id"]]]} for row in rows]


# ---- the model ----------------------------------------------------------------------------


class Student:
    """A tiny causal language model over the words of the prompts and answers."""

    def __init__(self, texts: Sequence[tuple[str, str]], seed: int) -> None:
        from transformers import LlamaConfig, LlamaForCausalLM

        self.tokenizer = _tokenizer(texts)
        torch.manual_seed(seed)
        self.model = LlamaForCausalLM(
            LlamaConfig(
                vocab_size=len(self.tokenizer),
                hidden_size=WIDTH,
                intermediate_size=3 * WIDTH,
                num_hidden_layers=LAYERS,
                num_attention_heads=HEADS,
                max_position_embeddings=256,
                pad_token_id=self.tokenizer.pad_token_id,
                eos_token_id=self.tokenizer.eos_token_id,
                bos_token_id=self.tokenizer.eos_token_id,
            )
        )

    def imitate(self, lesson: Callable[[], tuple[str, str]], steps: int) -> None:
        """Supervised steps, with the loss on the answers."""
        optimizer = torch.optim.AdamW(self.model.parameters(), lr=3e-3)
        scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, max(1, steps))
        self.tokenizer.padding_side = "right"
        end = self.tokenizer.eos_token
        for _ in range(steps):
            chosen = [lesson() for _ in range(32)]
            batch = self.tokenizer(
                [prompt + answer + end for prompt, answer in chosen],
                return_tensors="pt", padding=True,
            )  # fmt: skip
            labels = batch["input_ids"].masked_fill(batch["attention_mask"] == 0, -100)
            for row, (prompt, _) in enumerate(chosen):
                labels[row, : len(self.tokenizer(prompt)["input_ids"])] = -100
            loss = self.model(**batch, labels=labels).loss
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
            optimizer.step()
            scheduler.step()
        self.tokenizer.padding_side = "left"

    def reinforce(self, rows: Sequence[Row], steps: int, seed: int) -> None:
        """TRL's GRPO, with the weighted sum as its only reward."""
        from datasets import Dataset
        from trl import GRPOConfig, GRPOTrainer

        with tempfile.TemporaryDirectory() as folder:
            settings = GRPOConfig(
                output_dir=folder, max_steps=steps, per_device_train_batch_size=BATCH,
                num_generations=GENERATIONS, max_completion_length=LONGEST, temperature=1.0,
                learning_rate=1e-3, lr_scheduler_type="constant_with_warmup", warmup_steps=3,
                beta=0.0, seed=seed, use_cpu=True, bf16=False, gradient_checkpointing=False,
                logging_strategy="no", save_strategy="no", report_to="none", disable_tqdm=True,
                log_completions=False, remove_unused_columns=False,
            )  # fmt: skip
            kept = [{name: one for name, one in row.items() if name != "messages"} for row in rows]
            trainer = GRPOTrainer(
                model=self.model,
                reward_funcs=rewards.weighted_sum,
                args=settings,
                train_dataset=Dataset.from_list(kept),
                processing_class=self.tokenizer,
            )
            trainer.train()

    @torch.no_grad()
    def answers(self, prompts: Sequence[str], seed: int) -> list[str]:
        """One sampled answer for each prompt."""
        torch.manual_seed(seed)
        self.model.eval()
        batch = self.tokenizer(list(prompts), return_tensors="pt", padding=True)
        written = self.model.generate(
            **batch, do_sample=True, temperature=1.0, top_k=0, max_new_tokens=LONGEST
        )
        ends = written[:, batch["input_ids"].shape[1] :]
        found: list[str] = self.tokenizer.batch_decode(ends, skip_special_tokens=True)
        return found


def _tokenizer(texts: Sequence[tuple[str, str]]) -> Any:
    """Whole words with the space before them, so that texts come back unchanged."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    split = pre_tokenizers.Split(Regex(r"</?[a-z]+>| ?[\w']+| ?[^\s\w<>]|\s"), "isolated")
    special = {"<|pad|>": 0, "<|end|>": 1, "<|unknown|>": 2}
    words = {
        word
        for text in ("".join(pair) for pair in texts)
        for word, _ in split.pre_tokenize_str(text)
    }
    vocabulary = special | {word: 3 + place for place, word in enumerate(sorted(words))}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<|unknown|>"))
    tokenizer.pre_tokenizer = split
    tokenizer.decoder = decoders.Fuse()
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<|pad|>", eos_token="<|end|>",
        unk_token="<|unknown|>", padding_side="left", clean_up_tokenization_spaces=False,
        model_input_names=["input_ids", "attention_mask"],
    )  # fmt: skip


def measured(student: Student, rows: Sequence[Row], seed: int) -> dict[str, Floats]:
    """Each reward of these rows, of one sampled answer each."""
    answers = student.answers([row["prompt"] for row in rows], seed)

    def paid(reward: Callable[..., Floats], of: Sequence[Row]) -> Floats:
        return reward(answers, **{name: [row[name] for row in of] for name in of[0]})

    return {
        "weighted sum": paid(rewards.weighted_sum, rows),
        "Eq. 1": paid(rewards.eq_1_format, rows),
        "majority label": paid(rewards.majority_label, rows),
        "groundedness": paid(rewards.groundedness, rows),
        "groundedness, shuffled": paid(rewards.groundedness, with_cues_of_others(rows, seed)),
        "words": [float(len(answer.split())) for answer in answers],
    }


if __name__ == "__main__":
    main()
