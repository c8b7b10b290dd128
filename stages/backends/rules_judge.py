"""Offline rules that a script must meet before anyone performs it, whoever wrote it."""

import re
import unicodedata
from collections.abc import Callable, Sequence

from rapidfuzz import fuzz

from schemas.errors import UnspeakableTextError
from schemas.printable import SHOWN, printable
from schemas.script import Kind, Language, Script, Turn
from schemas.tags import TAGS, tags_in, without_tags
from stages.backends import foreign_text
from stages.backends.foreign_text import quoted
from stages.backends.protocols import ScriptVerdict
from stages.backends.song_rules import songs
from stages.backends.unspoken_text import count_units, unfit
from stages.normalize_text import normalize, normalize_tagged

TURNS: dict[Kind, tuple[int, int]] = {"conversation": (2, 20), "roleplay": (2, 10), "singing": (2, 12)}
"""Fewest and most turns of a dialogue, songs among them and back-channels apart."""

MAX_UNITS: dict[Language, int] = {"en": 60, "zh": 90}
"""Longest turn in words or characters: about 20 s of speech, inside the 30 s that Emilia's filter allows."""

CHARACTERS_PER_UNIT = 10
"""A turn of more characters than so many times the units it may have is too long, whatever a unit may be in it."""

MAX_MURMURS = 5
MAX_MURMUR_UNITS: dict[Language, int] = {"en": 5, "zh": 8}
"""Most back-channels of a dialogue, and the longest in words or characters: what is said under another's turn."""

MAX_TAGS = 3
"""Most tags of a turn."""

MAX_ASIDE_UNITS: dict[Language, int] = {"en": 30, "zh": 45}
"""Longest thought or action in words or characters: half a turn."""

SAME_PERCENT = 90.0
SAME_MIN_LETTERS: dict[Language, int] = {"en": 12, "zh": 8}
"""Turns of so many letters repeat each other from this similarity on (rapidfuzz ratio); shorter ones if they are equal.
The most alike turns in 1,000 dialogues of the bundled grammars reach 79."""

MAX_TOPIC, MAX_INTENT = 60, 40
"""Longest topic and intent in characters: both are labels of a few words."""

_STUCK = {
    "en": re.compile(r"\b(\w+(?: \w+){0,7})(?: \1){5,}\b"),
    "zh": re.compile(r"(.{2,8})\1{4,}|(.)\2{8,}"),
}
"""The same words six times running, the same characters five times (one alone nine times): a writer that is stuck."""

_INSIDE_A_WORD = re.compile(r"([A-Za-z]|[一-鿿]\s*)(?:" + "|".join(map(re.escape, TAGS)) + r")([A-Za-z]|\s*[一-鿿])")
"""Chinese has no spaces, and how a character is read depends on its neighbours: a tag stands beside a mark there."""


class RulesJudge:
    """ScriptJudge that knows nothing but the rules of this module, and the prompts that must not be copied."""

    name = "rules"

    @property
    def fingerprint(self) -> str:
        return f"rules-{foreign_text.prompts_digest()}"

    def open(self) -> None: ...

    def close(self) -> None: ...

    def judge(self, scripts: Sequence[Script]) -> list[ScriptVerdict | Exception]:
        return [ScriptVerdict(broken_rule(script)) for script in scripts]


def broken_rule(script: Script) -> str | None:
    """Why the script is rejected, or None if it is accepted.

    A reason reads "RULE: details", printable and at most SHOWN characters; RULE is the name of one of RULES.
    """
    for rule in RULES:
        if (details := rule(script)) is not None:
            return printable(f"{rule.__name__.removeprefix('_')}: {details}", SHOWN)
    return None


def _turns(script: Script) -> str | None:
    fewest, most = TURNS[script.plan.kind]
    count = sum(turn.overlap != "backchannel" for turn in script.turns)
    return None if fewest <= count <= most else f"{count} turns, wanted {fewest} to {most}"


def _roles(script: Script) -> str | None:
    """User first, then in turns; a back-channel comes from the listener of the turn before it, and a song may follow
    what its singer says."""
    expected = "user"
    for index, turn in enumerate(script.turns):
        if index == 0 and turn.overlap != "none":
            return "turn 0 overlaps, but nothing comes before it"
        spoken = index > 0 and script.turns[index - 1].overlap != "backchannel" and script.turns[index - 1].song is None
        if turn.song is not None and spoken and turn.role == script.turns[index - 1].role:
            continue
        if turn.role != expected:
            return f"turn {index} is the {turn.role}'s, wanted the {expected}'s"
        if turn.overlap != "backchannel":
            expected = "assistant" if turn.role == "user" else "user"
    return None


def _backchannels(script: Script) -> str | None:
    """A murmur is short, never the last word nor the second in a row, and rare."""
    limit = MAX_MURMUR_UNITS[script.plan.language]
    before = ""
    murmurs = 0
    for index, turn in enumerate(script.turns):
        if turn.overlap == "backchannel":
            murmurs += 1
            if before == "backchannel":
                return f"turn {index} is the second in a row"
            if (units := count_units(_words(turn), script.plan.language)) > limit:
                return f"turn {index} has {units} words or characters, limit {limit}"
        before = turn.overlap
    if before == "backchannel":
        return "the last turn is one"
    return None if murmurs <= MAX_MURMURS else f"{murmurs} of them, limit {MAX_MURMURS}"


def _empty(script: Script) -> str | None:
    for index, turn in enumerate(script.turns):
        if not any(character.isalnum() for character in _words(turn)):
            return f"turn {index} says nothing: {quoted(turn.text)}"
    return None


def _length(script: Script) -> str | None:
    """Of what is spoken; songs are measured in seconds."""
    limit = MAX_UNITS[script.plan.language]
    for index, turn in enumerate(script.turns):
        if turn.song is not None:
            continue
        if (units := count_units(_words(turn), script.plan.language)) > limit:
            return f"turn {index} has {units} words or characters, limit {limit}"
        if (characters := len(turn.text)) > CHARACTERS_PER_UNIT * limit:
            return f"turn {index} is {characters} characters long, limit {CHARACTERS_PER_UNIT * limit}"
    return None


def _labels(script: Script) -> str | None:
    """Topic and intents, which become columns: a few plain words each."""
    if not script.topic.strip() or not _is_label(script.topic, MAX_TOPIC):
        return f"the topic is not a few plain words: {quoted(script.topic)}"
    for index, turn in enumerate(script.turns):
        if not _is_label(turn.intent, MAX_INTENT):
            return f"the intent of turn {index} is not a word or two: {quoted(turn.intent)}"
    return None


def _is_label(text: str, most: int) -> bool:
    return len(text) <= most and not foreign_text.hidden(text) and not foreign_text.tag(text, legal=())


def _characters(script: Script) -> str | None:
    """Nothing invisible, and no marks that belong to no letter."""
    for index, turn in enumerate(script.turns):
        if odd := foreign_text.hidden(turn.text):
            return f"turn {index} holds '{odd}' ({unicodedata.name(odd, 'a control character')}): {quoted(turn.text)}"
        if marks := foreign_text.loose_marks(turn.text):
            return f"turn {index} holds {len(marks)} marks that belong to no letter: {quoted(turn.text)}"
    return None


def _tags(script: Script) -> str | None:
    """Those of `schemas.tags` alone, few, and none inside an English word or between two Chinese characters."""
    for index, turn in enumerate(script.turns):
        if found := foreign_text.tag(turn.text):
            return f"turn {index} holds {quoted(found)}, which is not spoken"
        if (count := len(tags_in(turn.text))) > MAX_TAGS:
            return f"turn {index} has {count} tags, limit {MAX_TAGS}"
        if inside := _INSIDE_A_WORD.search(turn.text):
            return f"turn {index} has a tag inside a word or phrase: {quoted(inside[0])}"
    return None


def _addresses(script: Script) -> str | None:
    for index, turn in enumerate(script.turns):
        if found := foreign_text.address(_words(turn)):
            return f"turn {index} holds {quoted(found)}, which nobody reads out"
    return None


def _leaked(script: Script) -> str | None:
    """No label of who speaks, no talk of prompts and models, nothing copied from the writer's prompt."""
    names = (script.user.name, script.assistant.name)
    for index, turn in enumerate(script.turns):
        words = _words(turn)
        if found := foreign_text.label(words, names):
            return f"turn {index} begins with the label {quoted(found)}"
        if found := foreign_text.model_talk(words):
            return f"turn {index} speaks of prompts or models: {quoted(found)}"
        if found := foreign_text.copied(words):
            return f"turn {index} is copied from the prompt: {quoted(found)}"
    return None


def _language(script: Script) -> str | None:
    for index, turn in enumerate(script.turns):
        if problem := foreign_text.other_language(_words(turn), script.plan.language):
            return f"turn {index} {problem}"
    return None


def _repeated(script: Script) -> str | None:
    """Of what is spoken; songs have refrains, and are asked for again."""
    language = script.plan.language
    said: list[tuple[int, str]] = []
    for index, turn in enumerate(script.turns):
        if turn.song is not None:
            continue
        words = "".join(c if c.isalnum() else " " for c in _words(turn).lower().replace("'", "")).split()
        if stuck := _STUCK[language].search((" " if language == "en" else "").join(words)):
            return f"turn {index} is stuck on '{printable(stuck[1] or stuck[2], foreign_text.QUOTED)}'"
        if turn.overlap == "backchannel":
            continue
        letters = "".join(words)
        for first, earlier in said:
            if letters == earlier or _alike(letters, earlier, language):
                return f"turn {index} repeats turn {first}: {quoted(turn.text)}"
        said.append((index, letters))
    return None


def _alike(one: str, other: str, language: Language) -> bool:
    long_enough = min(len(one), len(other)) >= SAME_MIN_LETTERS[language]
    return long_enough and fuzz.ratio(one, other) >= SAME_PERCENT


def _unspeakable(script: Script) -> str | None:
    """Every text has words, and not more of them than a turn may have when numbers are said out."""
    language = script.plan.language
    for index, turn in enumerate(script.turns):
        try:
            spoken = normalize(turn.text, language)
        except UnspeakableTextError as error:
            return f"turn {index}: {error}"
        if _letters(without_tags(normalize_tagged(turn.text, language))) not in ("", _letters(spoken)):
            return f"turn {index} reads otherwise with a tag in its middle: {quoted(turn.text)}"
        if turn.song is None and (units := count_units(spoken, language)) > MAX_UNITS[language]:
            return f"turn {index} has {units} words or characters when said out, limit {MAX_UNITS[language]}"
    return None


def _asides(script: Script) -> str | None:
    """Thought and action are short, plain words of the language, and apart from what is said."""
    language = script.plan.language
    for index, turn in enumerate(script.turns):
        for name, text in (("thought", turn.thought), ("action", turn.action)):
            if text and (problem := unfit(text, language, MAX_ASIDE_UNITS[language])):
                return f"the {name} of turn {index} {problem}"
            if len(aside := _letters(text)) >= SAME_MIN_LETTERS[language] and aside in _letters(_words(turn)):
                return f"turn {index} says its {name} aloud: {quoted(text)}"
    return None


def _words(turn: Turn) -> str:
    return without_tags(turn.text)


def _letters(text: str) -> str:
    return "".join(c for c in text.lower() if c.isalnum())


RULES: tuple[Callable[[Script], str | None], ...] = (
    _turns, songs, _roles, _backchannels, _empty, _length, _labels, _characters, _tags, _addresses, _leaked, _language,
    _repeated, _unspeakable, _asides,
)  # fmt: skip
"""In this order: a text that is too long is not looked at more closely."""
