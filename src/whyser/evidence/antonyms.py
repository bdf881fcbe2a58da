"""Words of opposite meaning: for each family, the words of its low, normal and high level.

The words of a row fit the same place in a sentence: same part of speech, same inflection. If two
columns have the same length, words at the same position are partners; otherwise every word of the
other column is a partner, in order. A word of several rows has the partners of all of them. For
voice qualities, the columns are what the same measures distinguish (grounding.py), so the middle
one is empty.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from functools import cache

from whyser.evidence.claims import ClaimFamily, ClaimLevel
from whyser.io.files import short_hash

#: Increase the number with every change of the table.
VERSION = "antonyms-1"

#: The columns.
LEVELS: tuple[ClaimLevel, ...] = ("low", "normal", "high")

_Row = tuple[ClaimFamily, str, str, str]

#: Whole clauses with their nouns, from the measured teacher (teacher/measured.py). The replacement
#: is one of its clauses too, so that only the sound shows which one is true.
_CLAUSES: tuple[_Row, ...] = (
    ("pitch",
     "the pitch lies lower than usual for this voice; the voice is pitched low",
     "the pitch stays near this voice's usual level; the pitch is ordinary",
     "the pitch lies higher than usual for this voice; the voice is pitched high"),
    ("pitch_range",
     "the melody is flat and monotone; the intonation hardly moves",
     "the intonation moves as much as usual; the melody is of ordinary width",
     "the intonation is lively and varied; the melody swings widely"),
    ("loudness",
     "the voice is quieter than usual; the words come out softly",
     "the voice is about as loud as usual; the loudness is ordinary",
     "the voice is louder than usual; the words come out loudly"),
    ("rate",
     "the speech is slow; the words come slower than usual",
     "the pace is steady and ordinary; the speech runs at the usual pace",
     "the speech is fast; the words come faster than usual"),
    ("pauses",
     "there are hardly any pauses; the phrase runs on without gaps",
     "the pauses are ordinary; the phrase is paused as usual",
     "long pauses break the phrase; the speech is halting, with long gaps"),
)  # fmt: skip

_TABLE: tuple[_Row, ...] = (
    # --- pitch ------------------------------------------------------------------------------
    ("pitch", "low; low; lowered; deep",
     "ordinary; normal; average; typical; regular; moderate; medium; standard; unremarkable; "
     "as usual",
     "high; high; elevated; high"),
    ("pitch", "lower; lower; deeper", "", "higher; heightened; higher"),
    ("pitch", "lowest", "usual", "highest"),
    ("pitch", "lower than usual", "about as high as usual", "higher than usual"),
    ("pitch", "deep; deep voice; deep tone", "", "shrill; piercing voice; piercing tone"),
    ("pitch", "low-pitched; deep-pitched; lower-pitched; pitched low; pitched lower; baritone", "",
     "high-pitched; high-pitched; higher-pitched; pitched high; pitched higher; falsetto"),
    ("pitch", "deep; low-pitched", "", "squeaky; shrill"),
    ("pitch", "deep; low-pitched", "", "shrill; shrill"),
    ("pitch", "lowers; lowered; lowering; lowered", "", "raises; raised; raising; heightened"),
    ("pitch",
     "falls; falling; fell; drops; dropped; sinks; dips; decreases; decreased; decreasing; "
     "goes down; reduced", "",
     "rises; rising; rose; rises; rose; climbs; ascends; increases; increased; increasing; "
     "goes up; increased"),
    # --- pitch range ------------------------------------------------------------------------
    ("pitch_range", "narrow; narrower; small; limited; minimal; little; restricted; less", "normal",
     "wide; wider; large; broad; considerable; much; great; a lot of"),
    ("pitch_range", "flat; monotone; narrow",
     "even; steady; ordinary; normal; stable; consistent; constant; usual; average; typical; "
     "regular; moderate; medium; standard",
     "lively; varied; wide; animated; melodic; sing-song"),
    ("pitch_range", "flat; monotone; monotonous; monotonic; toneless; flat; flat; unvarying", "",
     "expressive; varied; varied; modulated; melodic; dynamic; animated; varying"),
    ("pitch_range", "monotone; monotonous; expressionless; uninflected", "",
     "sing-song; sing-song; expressive; modulated"),
    ("pitch_range",
     "hardly moves; hardly moves; hardly varies; hardly varies; hardly fluctuates; hardly changes; "
     "does not change much; hardly moves",
     "moves as much as usual; varies as much as usual",
     "swings widely; moves; varies widely; varies; fluctuates a lot; changes a lot; changes a lot; "
     "moves up and down a lot"),
    ("pitch_range", "hardly moves; hardly fluctuates; hardly moves; hardly fluctuating", "",
     "rises and falls; fluctuates; goes up and down; rising and falling a lot"),
    ("pitch_range",
     "lack of variation; absence of variation; lack of pitch variation; "
     "absence of pitch variation; little variation; no variation; minimal variation; "
     "no significant variation", "",
     "wealth of variation; abundance of variation; wealth of pitch variation; "
     "abundance of pitch variation; much variation; much variation; much variation; "
     "significant variation"),
    ("pitch_range",
     "hardly any intonation; no intonation; little intonation; without intonation; "
     "lack of intonation; hardly any inflection; no inflection; without inflection; "
     "lack of inflection", "",
     "a lively intonation; a lively intonation; lively intonation; with lively intonation; "
     "liveliness of intonation; a varied inflection; varied inflection; with varied inflection; "
     "liveliness of inflection"),
    # --- loudness ---------------------------------------------------------------------------
    ("loudness", "quieter than usual", "about as loud as usual", "louder than usual"),
    ("loudness", "quieter than usual; softer than usual", "as loud as usual; as loud as usual",
     "louder than usual; louder than usual"),
    ("loudness", "quiet; soft; hushed; faint; muted; weak; soft-spoken; inaudible", "",
     "loud; loud; booming; loud; forceful; forceful; loud; thunderous"),
    ("loudness", "quiet; muted", "", "loud; booming; forceful"),
    ("loudness", "quieter; softer; fainter; quietest", "", "louder; louder; louder; loudest"),
    ("loudness", "quietly; softly; faintly; more quietly; more softly; under her breath; "
     "under his breath; under their breath", "",
     "loudly; loudly; forcefully; more loudly; more loudly; out loud; out loud; out loud"),
    ("loudness", "whispers; whisper; whispered; whispering; a whisper", "",
     "shouts; shout; shouted; shouting; a shout"),
    ("loudness", "murmurs; murmur; murmured; murmuring", "",
     "yells; yell; yelled; yelling"),
    ("loudness", "whispers; whisper; whispered; whispering; murmurs; murmurs; murmurs", "",
     "screams; scream; screamed; screaming; bellows; roars; hollers"),
    ("loudness", "barely audible", "", "very loud; loud and clear"),
    ("loudness",
     "whispers under his breath; whispers under her breath; under his breath; under her breath", "",
     "shouts at the top of his lungs; shouts at the top of her lungs; at the top of his lungs; "
     "at the top of her lungs"),
    ("loudness", "low; low; low",
     "normal; moderate; ordinary; usual; average; typical; regular; medium; standard; "
     "conversational; unremarkable; even; steady; stable; consistent; constant; as usual",
     "high; elevated; heightened"),
    ("loudness", "lower; lowest", "", "higher; highest"),
    ("loudness", "lowers; lowered; lowering; lower", "", "raises; raised; raising; raise"),
    ("loudness",
     "falls; falling; fell; drops; dropped; sinks; dips; decreases; decreased; decreasing; "
     "goes down; reduced", "",
     "rises; rising; rose; rises; rose; climbs; picks up; increases; increased; increasing; "
     "goes up; increased"),
    # --- rate -------------------------------------------------------------------------------
    ("rate", "slower than usual", "about as fast as usual", "faster than usual"),
    ("rate", "slow; slow; low; sluggish; leisurely; dragging; drawn-out; stretched out; slowed",
     "steady; moderate; normal; ordinary; even; usual; average; typical; regular; medium; "
     "standard; stable; consistent; constant; measured; unhurried; as usual; conversational",
     "fast; quick; high; brisk; brisk; rushed; hurried; rushed; accelerated; hurried"),
    ("rate", "slow; slow; slow; dragged; slow; dragging", "",
     "rapid; swift; hasty; rushed; hurried; tumbling"),
    ("rate", "slow; sluggish; leisurely", "", "fast; quick; rapid; hurried"),
    ("rate", "slower; slowest; lower", "", "faster; fastest; higher"),
    ("rate", "slower", "", "quicker"),
    ("rate", "slowly; more slowly; sluggishly; leisurely", "",
     "quickly; more quickly; hurriedly; briskly"),
    ("rate", "slowly; slowly; slowly; slowly; at low speed", "",
     "rapidly; hurriedly; swiftly; hastily; at high speed"),
    ("rate", "slow-paced; slower-paced; slow-paced; slow-paced", "",
     "fast-paced; faster-paced; quick-paced; rapid-fire"),
    ("rate", "slows down; slow down; slowing down; slowed down; slows down; slows down", "",
     "speeds up; speed up; speeding up; rushed; picks up; quickens"),
    ("rate", "drawls; drawl; drawling; drawled; drags out; draw out; draws out; stretches out; "
     "stretches the vowels; stretches the words", "",
     "rushes; rush; rushing; rushed; rushes; rush; rushes through; rushes through; "
     "rushes the vowels; rushes the words"),
    ("rate", "drawls; drawl; drawling", "", "hurries; hurry; hurrying"),
    ("rate", "falls; falling; drops; decreases; decreased; decreasing", "",
     "rises; rising; climbs; increases; increased; increasing"),
    # --- pauses -----------------------------------------------------------------------------
    ("pauses", "few; few; rare; rare; few; fewer; hardly any; minimal; infrequent; scarce; few",
     "ordinary; normal; usual; average; typical; regular; moderate",
     "frequent; many; frequent; long; several; longer; many; lengthy; numerous; prolonged; some"),
    ("pauses", "few; few; few; hardly any; hardly any; hardly any", "",
     "long; lengthy; extended; many; multiple; numerous"),
    ("pauses",
     "no pauses; no long pauses; hardly any pauses; without pauses; without any pauses; "
     "without a single pause; without any noticeable pauses; without hesitation; no hesitation; "
     "no hesitations; never pauses; barely pausing; no pause; no pause; "
     "never hesitates; without gaps", "",
     "many pauses; many long pauses; many long pauses; with many pauses; with many pauses; "
     "with many a pause; with many noticeable pauses; with much hesitation; much hesitation; "
     "many hesitations; often pauses; often pausing; a brief pause; a long pause; "
     "hesitates; with long gaps"),
    ("pauses",
     "no pause; hardly any pauses; free of pauses; free of pauses and hesitations; lack of pauses; "
     "never pauses; never hesitates; no noticeable pause; without noticeable pauses; "
     "absence of pauses; no room for pauses; without long pauses; without many pauses", "",
     "a pause; some pauses; full of pauses; full of pauses and hesitations; abundance of pauses; "
     "pauses often; hesitates often; a noticeable pause; with noticeable pauses; "
     "abundance of pauses; much room for pauses; with long pauses; with many pauses"),
    ("pauses", "fluent; fluently; fluid; flowing; smooth; smoothly; uninterrupted; fluently", "",
     "halting; haltingly; halting; halting; halting; haltingly; halting; hesitantly"),
    ("pauses", "fluent; no hesitation; no hesitations", "",
     "hesitant; some hesitation; some hesitations"),
    # --- voice quality: by noise, by irregular periods, by the spectrum's tilt ----------------
    ("voice_quality", "smooth; smooth; smooth; smoother", "", "rough; harsh; coarse; rougher"),
    ("voice_quality", "smooth; smooth; smooth; smooth; smooth; smooth; smooth", "",
     "hoarse; raspy; gravelly; gruff; scratchy; grating; creaky"),
    ("voice_quality", "steady; smooth; steady; steady; steady; steady", "",
     "shaky; tremulous; trembling; unsteady; quivering; wavering"),
    ("voice_quality", "hardly trembles", "", "trembles slightly"),
    ("voice_quality", "never trembles; never quivers; never shakes; never wavers; never cracks", "",
     "trembles; quivers; shakes; wavers; cracks"),
    ("voice_quality", "no tremor; free of tremor; no tremor; without any trembling", "",
     "a tremor; full of tremor; a slight tremor; with some trembling"),
    ("voice_quality", "breathy; husky", "", "strained; tense; tight; pressed; constricted"),
    ("voice_quality", "airy voice", "", "tense voice"),
)  # fmt: skip


_Partners = Mapping[ClaimFamily, Mapping[str, Mapping[ClaimLevel, Sequence[str]]]]


@cache
def _partners(table: tuple[_Row, ...]) -> _Partners:
    """Family -> words -> their replacements by level."""
    found: dict[ClaimFamily, dict[str, dict[ClaimLevel, list[str]]]] = {}
    for family, *columns in table:
        cells = {
            level: [word.strip() for word in column.split(";") if word.strip()]
            for level, column in zip(LEVELS, columns, strict=True)
        }
        for own, level in itertools.permutations(LEVELS, 2):
            is_paired = len(cells[own]) == len(cells[level])
            for place, word in enumerate(cells[own]):
                replacements = found.setdefault(family, {}).setdefault(plain(word), {})
                partners = cells[level][place : place + 1] if is_paired else cells[level]
                if partners:
                    replacements.setdefault(level, []).extend(partners)
    return found


def opposites(
    family: ClaimFamily, words: str, *, is_clause: bool = False
) -> Mapping[ClaimLevel, Sequence[str]]:
    """The words of another level that can replace these words; empty if there are none.

    Args: `is_clause` says that the words are a whole clause, so that the noun may change too.
    Returns: Replacements by level, the best one first.

    >>> opposites("rate", "more slowly")
    {'high': ['more quickly']}
    >>> opposites("pitch_range", "the intonation hardly moves", is_clause=True)["high"]
    ['the melody swings widely']
    """
    tables = (_CLAUSES, _TABLE) if is_clause else (_TABLE,)
    found = (_partners(table).get(family, {}).get(plain(words)) for table in tables)
    return next(filter(None, found), {})


def plain(words: str) -> str:
    """Words as in the table: lower case, spaces for hyphens, straight apostrophes."""
    return re.sub(r"[\s-]+", " ", words).lower().replace("\u2019", "'")


#: Number of words in the longest phrase.
LONGEST = max(
    len(plain(word).split())
    for _, *columns in (*_CLAUSES, *_TABLE)
    for column in columns
    for word in column.split(";")
)

#: Hash of the tables; it takes the place of a prompt's hash.
TABLE_HASH = short_hash(repr((_CLAUSES, _TABLE)))
