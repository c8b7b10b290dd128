"""CastVoices: the two characters of every script get their voices."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite, log2

from schemas.errors import RecipeError
from schemas.script import Script
from schemas.take import CastScript, Voice
from stages.backends.protocols import SpeechSynthesizer

MIN_DISTANCE_ST = 1.0


@dataclass(frozen=True)
class CastVoices:
    """Designs both voices of a script and refuses two that a listener could take for one.

    A character's voice depends on the character alone, so that it is the same in all its dialogues; keeping the two
    of a dialogue apart is therefore the back end's duty in `design`, and a breach is an error, never a quiet re-cast.
    Raises RecipeError naming both characters.
    """

    synthesizer: SpeechSynthesizer
    min_distance_st: float = MIN_DISTANCE_ST

    def open(self) -> None:
        self.synthesizer.open()

    def process(self, scripts: Sequence[Script]) -> list[CastScript]:
        return [self._cast(script) for script in scripts]

    def close(self) -> None:
        self.synthesizer.close()

    def _cast(self, script: Script) -> CastScript:
        user, assistant = (self.synthesizer.design(who) for who in (script.plan.user, script.plan.assistant))
        for voice in (user, assistant):
            if wrong := [name for name, value in voice.traits.items() if not isfinite(value)]:
                raise ValueError(f"voice {voice.voice_id}: not a finite number: {', '.join(wrong)}")
        distance_st = voice_distance_st(user, assistant)
        if distance_st < self.min_distance_st:
            raise RecipeError(
                f"{script.dialogue_id}: the voices of {script.plan.user.character_id} and "
                f"{script.plan.assistant.character_id} are {distance_st:.2f} semitones apart, less than "
                f"{self.min_distance_st}; give one of them another character_id, age or gender."
            )
        return CastScript(script, user, assistant)


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
