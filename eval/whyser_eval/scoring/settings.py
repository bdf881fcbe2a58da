"""The options of scoring."""

from __future__ import annotations

from dataclasses import dataclass, field

from whyser.labels.classes import EmotionClass
from whyser_eval.reading.readers import Reader, RuleReader
from whyser_eval.statistics.bootstrap import Interval, Unit


@dataclass(frozen=True)
class Settings:
    """The options of scoring; None leaves the choice to the data files."""

    split: str | None = None
    classes: tuple[EmotionClass, ...] | None = None
    secondary: bool = False
    all_inclusive: bool = False
    entropy: bool = False
    draws: int = 1000
    seed: int = 0
    interval: Interval = "percentile"
    unit: Unit = "utterance"
    wer: bool = False
    reader: Reader = field(default_factory=RuleReader)
