"""CastVoices: the two characters of every script get their voices."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import isfinite, log2
from typing import Protocol

from schemas.errors import RecipeError
from schemas.script import Character, Language, Script, Turn
from schemas.seeds import derive_seed
from schemas.take import CastScript, Line, Samples, Voice
from stages.backends.protocols import SpeechSynthesizer
from stages.synthesize_speech import SynthesizeSpeech

MIN_DISTANCE_ST = 1.0
MAX_KEPT = 64
"""Voices that are kept with their references (0.3 MB each): dialogues near each other share voices."""


REFERENCE_TEXT: dict[Language, str] = {
    "en": "The boat leaves at noon, and whoever wants to see the island had better bring good shoes and a warm coat.",
    "zh": "船中午出发，想去岛上看看的人，最好带一双好走的鞋，再穿一件暖和的外套。",
}
"""What every voice says once, neutrally: its takes are compared with this by the speaker encoder."""


class References(Protocol):
    """References that were heard before, also by other processes."""

    def find(self, character: Character) -> Samples | None: ...
    def keep(self, character: Character, reference: Samples) -> Samples:
        """What is found from now on: this reference, unless another was kept meanwhile."""


@dataclass(frozen=True)
class CastVoices:
    """Designs both voices of a script, has each say its reference, and refuses two that a listener could take for one.

    A character's voice depends on the character alone, so that it is the same in all its dialogues; keeping the two
    of a dialogue apart is therefore the back end's duty in `design`, and a breach is an error, never a quiet re-cast.
    Raises RecipeError naming both characters. `references` are for an endpoint, which may never say the same twice.
    """

    synthesizer: SpeechSynthesizer
    min_distance_st: float = MIN_DISTANCE_ST
    references: References | None = None
    _voices: dict[Character, Voice] = field(default_factory=dict, init=False, repr=False, compare=False)

    def open(self) -> None:
        self.synthesizer.open()

    def process(self, scripts: Sequence[Script]) -> list[CastScript | Exception]:
        """One cast script a script, in order; where a voice cannot be had, its exception takes the place of each."""
        voices = self._all_voices([who for script in scripts for who in (script.user, script.assistant)])
        return [self._cast(script, voices[script.user], voices[script.assistant]) for script in scripts]

    def close(self) -> None:
        self.synthesizer.close()

    def _cast(self, script: Script, user: Voice | Exception, assistant: Voice | Exception) -> CastScript | Exception:
        if isinstance(user, Exception):
            return user
        if isinstance(assistant, Exception):
            return assistant
        distance_st = voice_distance_st(user, assistant)
        if distance_st < self.min_distance_st:
            raise RecipeError(
                f"{script.dialogue_id}: the voices of {script.user.character_id} and "
                f"{script.assistant.character_id} are {distance_st:.2f} semitones apart, less than "
                f"{self.min_distance_st}; give one of them another character_id, age or gender."
            )
        return CastScript(script, user, assistant)

    def _all_voices(self, characters: Sequence[Character]) -> dict[Character, Voice | Exception]:
        """The voices of all, each heard once: those not known yet together, as an endpoint says many at a time."""
        voices: dict[Character, Voice | Exception] = {
            who: voice for who in characters if (voice := self._voices.get(who)) is not None
        }
        new = [who for who in dict.fromkeys(characters) if who not in voices]
        for character, heard in zip(new, self._heard(new), strict=True):
            voices[character] = heard
            if not isinstance(heard, Exception):
                self._voices[character] = heard
        for oldest in list(self._voices)[:-MAX_KEPT]:
            self._voices.pop(oldest, None)  # another thread may have been here
        return voices

    def _heard(self, characters: Sequence[Character]) -> list[Voice | Exception]:
        """`heard_all`, but for references that were kept."""
        if self.references is None:
            return heard_all(self.synthesizer, characters)
        kept = {who: found for who in characters if (found := self.references.find(who)) is not None}
        new = [who for who in characters if who not in kept]
        heard = dict(zip(new, heard_all(self.synthesizer, new), strict=True))
        for who, voice in heard.items():
            if isinstance(voice, Voice) and voice.reference is not None:
                heard[who] = replace(voice, reference=self.references.keep(who, voice.reference))
        return [
            heard[who] if who in heard else replace(_designed(self.synthesizer, who), reference=kept[who])
            for who in characters
        ]


def heard_once(synthesizer: SpeechSynthesizer, character: Character) -> Voice:
    """The character's voice with its reference. Raises ValueError for what is no voice or no speech, and what the back
    end gives in place of one."""
    (heard,) = heard_all(synthesizer, [character])
    if isinstance(heard, Exception):
        raise heard
    return heard


def heard_all(synthesizer: SpeechSynthesizer, characters: Sequence[Character]) -> list[Voice | Exception]:
    """The same for many, in order, with failures in their places."""
    lines = [_reference_line(character, _designed(synthesizer, character)) for character in characters]
    takes = SynthesizeSpeech(synthesizer).process(lines)
    return [
        take if isinstance(take, Exception) else replace(line.voice, reference=take.samples)
        for line, take in zip(lines, takes, strict=True)
    ]


def _designed(synthesizer: SpeechSynthesizer, character: Character) -> Voice:
    voice = synthesizer.design(character)
    if wrong := [name for name, value in voice.traits.items() if not isfinite(value)]:
        raise ValueError(f"voice {voice.voice_id}: not a finite number: {', '.join(wrong)}")
    return voice


def _reference_line(character: Character, voice: Voice) -> Line:
    spoken = REFERENCE_TEXT[character.language]
    return Line(
        dialogue_id=f"reference-{character.character_id}",
        turn_index=0,
        attempt=0,
        seed=derive_seed("reference", character.character_id),
        kind="conversation",
        language=character.language,
        turn=Turn(role="assistant", text=spoken, intent="introduce"),
        spoken=spoken,
        character=character,
        voice=voice,
    )


def voice_distance_st(one: Voice, other: Voice) -> float:
    """f0 distance plus formant distance, both in semitones.

    Voices of back ends without the traits `f0_hz` and `formant_ratio` are far apart when their ids differ.
    """
    if one.voice_id == other.voice_id:
        return 0.0
    ratios = [
        one.traits[trait] / other.traits[trait]
        for trait in ("f0_hz", "formant_ratio")
        if trait in one.traits and trait in other.traits
    ]
    return sum(abs(12 * log2(ratio)) for ratio in ratios) if ratios else float("inf")
