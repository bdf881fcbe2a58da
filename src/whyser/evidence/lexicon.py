"""The words that claim something about a voice, and what each says about which noun.

The meaning of a word depends on its noun: "high" is a level of pitch in "a high voice", a level of
loudness in "high volume", and no claim in "high hopes". So nouns have a kind, and every other word
has a sense per kind of noun. `*` is a sense that needs no noun.

Decisions that docs/design.md, "Evidence vocabulary", leaves open:

- "steady", "even" and "measured" mean the normal level of pace, loudness and melody; for a voice,
  "steady" denies a tremor, which is the quality `smooth`.
- "a low voice" is low in pitch; "lowers the voice" and "speaks low" mean soft.
- Rising intonation claims a range, but falling intonation claims nothing, because every statement
  falls. Pitch that rises or drops claims the level that it reaches.
- Stutters and stumbles count as pauses, like "hesitant".
- "Energy", "intensity", "strong", "calm", "gentle" and "sharp" describe feelings: no claim.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Literal, get_args

#: What a noun denotes.
Kind = Literal[
    "pitch", "melody", "range", "volume", "pace", "pauses", "clarity",
    "tone", "voice", "delivery", "words", "person", "level",
]  # fmt: skip

#: How a word claims. noun: other words describe it. quality: before or after its noun. verb: its
#: noun is the subject or object. adverb: with a verb of speaking. thing: its presence is the claim,
#: its absence the low level. claim: without a noun. nothing: a figure of speech with such a word.
#: filler: a word of degree, which is skipped.
Role = Literal["noun", "quality", "verb", "adverb", "thing", "claim", "nothing", "filler"]

#: Family and level, or `voice_quality` and the quality.
Sense = tuple[str, str]

ANY = "*"

# Short names of the kinds that share a sense.
_KINDS: Mapping[str, tuple[str, ...]] = {
    "speech": ("delivery", "words", "person"),
    "sound": ("voice", "tone", "delivery"),
    "tune": ("pitch", "melody", "tone", "voice", "range"),
} | {kind: (kind,) for kind in (*get_args(Kind), ANY)}

_TABLE: tuple[tuple[Role, str, str], ...] = (
    # --- nouns ------------------------------------------------------------------------------
    ("noun", "pitch, pitches, register, fundamental frequency, f0", "pitch"),
    ("noun", "intonation, inflection, inflections, melody, prosody, cadence, lilt, contour, "
             "contours, modulation", "melody"),
    ("noun", "range, variation, variations, variability, fluctuation, fluctuations", "range"),
    ("noun", "volume, loudness, decibels, vocal intensity, vocal energy, acoustic energy",
     "volume"),
    ("noun", "pace, tempo, speed, rate, rhythm, pacing", "pace"),
    ("noun", "clarity, articulation, enunciation, diction, pronunciation, intelligibility",
     "clarity"),
    ("noun", "tone, tones, timbre, vocal tone", "tone"),
    ("noun", "voice, vocals, vocal quality, voice quality, vocal delivery, quality, edge, sound",
     "voice"),
    ("noun", "delivery, speech, speaking, utterance, manner, style, manner of speaking, "
             "speaking style, speaking manner, way of speaking, talking", "delivery"),
    ("noun", "word, words, sentence, phrase, line, syllable, syllables, vowel, vowels",
     "words"),
    ("noun", "speaker, she, he, they, man, woman", "person"),
    # Has the kind of the noun that it measures.
    ("noun", "level, levels, width", "level"),

    # --- levels: high -----------------------------------------------------------------------
    ("quality", "high, higher, highest, elevated, heightened",
     "pitch tone voice=pitch:high; volume=loudness:high; pace=rate:high; clarity=clarity:high; "
     "range melody=pitch_range:high"),
    ("verb", "raised, raises, raise, raising",
     "pitch tone=pitch:high; voice volume=loudness:high"),
    ("verb", "rise, rises, rising, rose, climbs, climbing, goes up, ascends",
     "pitch voice tone=pitch:high; volume=loudness:high; melody=pitch_range:high; pace=rate:high"),
    ("verb", "increases, increase, increased, increasing, grows, swells",
     "pitch=pitch:high; volume=loudness:high; pace=rate:high"),
    ("verb", "picks up, picking up, picked up", "pace=rate:high; volume=loudness:high"),
    # --- levels: low ------------------------------------------------------------------------
    ("quality", "low, lower, lowest",
     "pitch tone voice=pitch:low; volume=loudness:low; pace=rate:low; clarity=clarity:low; "
     "delivery=loudness:low; range melody=pitch_range:low"),
    ("verb", "lowers, lowered, lowering",
     "pitch tone=pitch:low; voice volume=loudness:low"),
    ("verb", "drops, dropped, dropping, falls, fell, falling, sinks, dips, decreases, decreased, "
             "decreasing, reduced, goes down",
     "pitch tone=pitch:low; voice volume=loudness:low; pace=rate:low"),
    # --- levels: normal ---------------------------------------------------------------------
    ("quality", "normal, usual, ordinary, average, typical, regular, moderate, medium, standard, "
                "as usual, conversational, unremarkable",
     "pitch=pitch:normal; volume=loudness:normal; pace=rate:normal; "
     "melody range=pitch_range:normal; pauses=pauses:normal; clarity=clarity:normal"),
    ("quality", "steady, even, stable, consistent, constant",
     "pitch melody tone=pitch_range:normal; volume=loudness:normal; pace delivery=rate:normal; "
     "voice=voice_quality:smooth"),
    ("quality", "measured, unhurried",
     "pace delivery=rate:normal"),
    ("quality", "moves as much as usual, varies as much as usual",
     "pitch melody=pitch_range:normal"),
    ("claim", "paused as usual", "*=pauses:normal"),

    # --- pitch ------------------------------------------------------------------------------
    ("quality", "deep, deeper", "pitch tone voice=pitch:low"),
    ("claim", "shrill, squeaky, piercing voice, piercing tone, high pitched, higher pitched, "
              "pitched high, pitched higher, falsetto", "*=pitch:high"),
    ("claim", "low pitched, lower pitched, deep pitched, pitched low, pitched lower, baritone",
     "*=pitch:low"),
    # --- pitch range ------------------------------------------------------------------------
    ("claim", "monotone, monotonous, monotonously, monotonic, expressionless, toneless, "
              "unvarying, uninflected", "*=pitch_range:low"),
    ("claim", "sing song, singsong, sing songy", "*=pitch_range:high"),
    ("quality", "flat, flatter, flattened", "tune delivery=pitch_range:low"),
    ("quality", "lively, varied, animated, dynamic, expressive, melodic, wide, wider, broad, large",
     "pitch melody range=pitch_range:high"),
    ("quality", "varied, varying, melodic, modulated",
     "tone voice=pitch_range:high"),
    ("quality", "narrow, narrower, limited, minimal, little, restricted, small, less",
     "pitch melody range=pitch_range:low; pauses=pauses:low"),
    ("quality", "considerable, great, noticeable, marked, a lot of, much, strong",
     "range=pitch_range:high"),
    ("thing", "varies, vary, varied widely, moves, move, fluctuates, fluctuate, fluctuating, "
              "changes, change, swings, swing, jumps, wide swings",
     "pitch melody tone=pitch_range:high"),
    ("thing", "rises and falls, rising and falling, moves up and down, goes up and down",
     "pitch melody tone voice=pitch_range:high"),
    ("claim", "lack of intonation, no intonation, without intonation, hardly any intonation, "
              "little intonation, lack of inflection, no inflection, without inflection, "
              "hardly any inflection, little inflection, lack of modulation", "*=pitch_range:low"),
    # --- loudness ---------------------------------------------------------------------------
    ("quality", "loud, louder, loudest, booming, thunderous, forceful",
     "volume sound speech words=loudness:high"),
    ("quality", "soft, softer, quiet, quieter, faint, fainter, hushed, weak, muted, inaudible, "
                "soft spoken, softly spoken",
     "volume sound speech pitch=loudness:low"),
    ("adverb", "loudly, more loudly, out loud, at the top of, forcefully", "*=loudness:high"),
    ("adverb", "softly, quietly, more softly, more quietly, faintly, under their breath, "
               "under her breath, under his breath", "*=loudness:low"),
    ("claim", "shout, shouts, shouted, shouting, yell, yells, yelled, yelling, scream, screams, "
              "screamed, screaming, bellows, bellowing, roars, hollers", "*=loudness:high"),
    ("claim", "whisper, whispers, whispered, whispering, murmur, murmurs, murmured, murmuring, "
              "trails off, trailing off, trail off, trailed off, trails away, barely audible, "
              "lacks volume, lack of volume, soft spoken, fades away", "*=loudness:low"),
    ("claim", "softness, quietness", "*=loudness:low"),
    ("thing", "rises above a whisper, rise above a whisper", "*=loudness:high"),
    # --- rate -------------------------------------------------------------------------------
    ("quality", "fast, faster, fastest, quick, quicker, rapid, brisk, rushed, hurried, swift, "
                "hasty, accelerated",
     "pace delivery words person tone voice=rate:high"),
    ("quality", "slow, slower, slowest, leisurely, sluggish, unhurried, drawn out, dragging, "
                "dragged, slowed, stretched out, stretched",
     "pace delivery words person tone voice=rate:low"),
    ("adverb", "quickly, more quickly, rapidly, hurriedly, swiftly, hastily, at high speed",
     "*=rate:high"),
    ("adverb", "slowly, more slowly, sluggishly, leisurely", "*=rate:low"),
    ("claim", "drawl, drawls, drawled, drawling, slows down, slow down, slowing down, slowed down, "
              "slow paced, slower paced, draws out, draw out, drags out, drawing out, "
              "stretches the vowels, stretches out, stretching out, stretches the words",
     "*=rate:low"),
    ("claim", "rushes, rush, rushing, hurries, hurry, hurrying, speeds up, speeding up, speed up, "
              "quickens, fast paced, faster paced, rapid fire, quick paced", "*=rate:high"),
    ("quality", "rushed, tumble, tumbling", "words=rate:high"),
    # --- pauses -----------------------------------------------------------------------------
    ("thing", "pause, pauses, paused, pausing, hesitation, hesitations, hesitate, hesitates, "
              "hesitating, hesitated, gap, gaps, silences, silent gaps", "*=pauses:high"),
    ("quality", "long, longer, many, frequent, numerous, lengthy, extended, several, some, "
                "prolonged, multiple", "pauses=pauses:high"),
    ("quality", "few, fewer, rare, minimal, scarce, infrequent", "pauses=pauses:low"),
    ("claim", "hesitant, hesitantly, halting, haltingly, stutters, stuttering, stutter, stammers, "
              "stammering, stumbles, stumbling, falters, faltering", "*=pauses:high"),
    ("claim", "fluent, fluently, fluid, uninterrupted", "*=pauses:low"),
    ("adverb", "smoothly", "*=pauses:low"),
    ("quality", "smooth, flowing", "delivery words=pauses:low"),
    # --- voice quality ----------------------------------------------------------------------
    ("claim", "breathy, husky, huskily, breathily, breathiness, huskiness, airy voice, airy tone",
     "*=voice_quality:breathy"),
    ("claim", "hoarse, hoarsely, hoarseness, raspy, gravelly, gruff, gruffly, growl, growls, "
              "growled, growling, scratchy, grating, rasp, rasps, guttural",
     "*=voice_quality:harsh"),
    ("quality", "harsh, rough, harsher, rougher, coarse", "sound=voice_quality:harsh"),
    ("quality", "shaky, trembling, quivering, wavering, unsteady, quavering, tremulous, shaking, "
                "tremble, trembles, trembled, quivers, quiver, quavers, wavers, shakes, cracks, "
                "cracking, breaks, breaking, cracked, shakily, tremor, tremors, quaver, waver",
     "sound=voice_quality:tremulous"),
    ("claim", "tremulous, tremulously, quavering, tremor, tremors", "*=voice_quality:tremulous"),
    ("claim", "creaky, creaks, croaky, croaks, vocal fry, creak", "*=voice_quality:creaky"),
    ("quality", "tense, tight, strained, constricted, pressed, choked, tightness, strain, tension, "
                "tightens, tighter",
     "sound=voice_quality:tense"),
    ("quality", "smooth, smoother, velvety", "voice tone=voice_quality:smooth"),
    # --- clarity ----------------------------------------------------------------------------
    ("quality", "clear, crisp, precise, distinct, good, intelligible, clearer, excellent, "
                "articulate",
     "clarity delivery words voice=clarity:high"),
    ("quality", "unclear, muddled, muddy, muffled, garbled, indistinct, poor, unintelligible, "
                "imprecise",
     "clarity delivery words voice=clarity:low"),
    ("claim", "mumbled, mumbles, mumbling, mumble, slurred, slurs, slurring, muttered, mutters, "
              "muttering", "*=clarity:low"),
    ("claim", "enunciates, enunciated, enunciating, clearly articulated, clearly spoken, "
              "clearly enunciated, clearly pronounced, spoken clearly, articulated clearly, "
              "well articulated, well enunciated", "*=clarity:high"),
    ("adverb", "clearly, and clearly, crisply, distinctly", "*=clarity:high"),

    # --- figures of speech, and words from other fields -------------------------------------
    ("nothing", "loud and clear, quiet about, high spirits, low spirits, clear that, sound like, "
                "sounds like, sound as, low mood, in a rush, in a hurry, keep quiet, even if, "
                "even though, even when, even more, word choice, in other words, breaks down, "
                "way too, change of, speak up, "
                "flat out, high energy, low energy", ""),
    # --- degree -----------------------------------------------------------------------------
    ("filler", "very, quite, rather, a bit, a little, a lot, slightly, somewhat, more, much, too, "
               "fairly, relatively, pretty, extremely, noticeably, really, so, especially, "
               "particularly, markedly, also, still, just, only, almost, practically, both, "
               "any, overall, generally speaking, kind of, sort of, most, even so, equally, "
               "significantly, considerably, clearly audible, distinctly audible, notably, "
               "a touch, a single, single, audible, quite a, rather a, at all, about, as, near, "
               "unusually, unnaturally, surprisingly, increasingly, gradually, suddenly, "
               "sharply, highly, widely, well, sometimes, often", ""),
)  # fmt: skip


@dataclass(frozen=True)
class ClaimEntry:
    """A word or phrase; a noun has a `kind`, other words have `senses` per kind of noun."""

    parts: tuple[str, ...]
    role: Role
    kind: str = ""
    senses: tuple[tuple[str, Sense], ...] = ()

    def sense(self, kind: str) -> Sense | None:
        """What it says about a noun of this kind; None if it says nothing about the voice."""
        return next((sense for known, sense in self.senses if known in (kind, ANY)), None)


@cache
def lexicon() -> Mapping[str, tuple[ClaimEntry, ...]]:
    """First word -> the words and phrases that start with it, the longest first."""
    merged: dict[tuple[str, ...], ClaimEntry] = {}
    for new in _entries():
        # A word may be in several groups: its senses add up, and the first role counts.
        old = merged.setdefault(new.parts, ClaimEntry(new.parts, new.role))
        merged[new.parts] = replace(old, kind=old.kind or new.kind, senses=old.senses + new.senses)
    table: dict[str, tuple[ClaimEntry, ...]] = {}
    for entry in sorted(merged.values(), key=lambda entry: -len(entry.parts)):
        table[entry.parts[0]] = (*table.get(entry.parts[0], ()), entry)
    return table


def _entries() -> Iterator[ClaimEntry]:
    for role, words, reading in _TABLE:
        is_pause = role == "thing" and reading == "*=pauses:high"
        kind = reading if role == "noun" else "pauses" if is_pause else ""
        senses = tuple(_senses(reading))
        for word in words.split(","):
            yield ClaimEntry(tuple(word.split()), role, kind, senses)


def _senses(reading: str) -> Iterator[tuple[str, Sense]]:
    """The senses in a reading such as "pitch tone=pitch:high; volume=loudness:high"."""
    for kinds, family, value in re.findall(r"([^;=]+)=(\w+):(\w+)", reading):
        for name in kinds.split():
            for kind in _KINDS[name]:
                yield kind, (family, value)
