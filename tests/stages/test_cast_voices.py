from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from schemas.errors import RecipeError
from schemas.script import Character, DialoguePlan, Script, Turn
from schemas.take import SAMPLE_RATE, Line, Voice
from stages.backends.espeak_speech import EspeakSpeech
from stages.backends.protocols import Performance
from stages.cast_voices import MIN_DISTANCE_ST, CastVoices, heard_once, voice_distance_st


def character(character_id: str) -> Character:
    return Character(
        character_id=character_id,
        name="Ann",
        language="en",
        age="youth",
        gender="female",
        identity="a student",
        personality="curious",
        temperament="sanguine",
        timbre="bright",
        pace="normal",
    )


def script(user: str, assistant: str) -> Script:
    plan = DialoguePlan(
        dialogue_id=f"{user}+{assistant}",
        kind="conversation",
        language="en",
        split="train",
        scene="cooking/weeknight",
        user=character(user),
        assistant=character(assistant),
        seed=1,
    )
    turn = Turn(role="user", text="Hello.", intent="greet")
    return Script(plan=plan, topic="cooking", turns=(turn,), writer="grammar")


class DesignOnly(EspeakSpeech):
    """The engine's voices, which say a tone."""

    said = 0

    def synthesize(self, lines: Sequence[Line]) -> list[Performance]:
        self.said += len(lines)
        return [Performance(np.full(5 * SAMPLE_RATE, 999, np.int16), SAMPLE_RATE, ()) for _ in lines]


TURNS = (Turn(role="user", text="Hello.", intent="greet"), Turn(role="assistant", text="Hello.", intent="greet"))


def test_a_character_keeps_its_voice_and_the_two_of_a_dialogue_differ() -> None:
    backend = DesignOnly()
    scripts = [script(f"en-u{user:03d}", f"en-a{assistant:03d}") for user in range(12) for assistant in range(6)]
    casts = CastVoices(backend).process(scripts)
    assert [cast.script for cast in casts] == scripts
    for cast in casts:
        assert voice_distance_st(cast.user, cast.assistant) >= MIN_DISTANCE_ST
        assert cast.user.voice_id == f"espeak-world:{cast.script.plan.user.character_id}"
        assert cast.voice(cast.script.turns[0]) == cast.user
    assert len({cast.user.voice_id: cast.user for cast in casts}) == 12
    assert all(cast.user == casts[index - index % 6].user for index, cast in enumerate(casts))
    assert backend.said == len({cast.voice(turn).voice_id for cast in casts for turn in TURNS}) == 18


def test_every_voice_is_heard_once_saying_its_reference_neutrally() -> None:
    engine = EspeakSpeech()
    engine.open()
    names = ("en-u001", "en-u001", "en-u003")
    one, again, other = (np.asarray(heard_once(engine, character(name)).reference) for name in names)
    engine.close()
    np.testing.assert_array_equal(one, again)
    assert 4 * SAMPLE_RATE < len(one) < 12 * SAMPLE_RATE
    assert not np.array_equal(one, other)


def test_new_voices_are_heard_together_and_one_that_fails_costs_its_dialogues_alone() -> None:
    class Choosy(DesignOnly):
        batches = 0

        def synthesize(self, lines: Sequence[Line]) -> list[Any]:
            self.batches += 1
            said = super().synthesize(lines)
            failing = [line.character.character_id == "en-u001" for line in lines]
            return [ValueError("mute") if fails else tone for fails, tone in zip(failing, said, strict=True)]

    backend = Choosy()
    scripts = [script(f"en-u{user:03d}", "en-a001") for user in (0, 1, 2, 1)]
    stage = CastVoices(backend)
    casts = stage.process(scripts)
    assert [str(cast) if isinstance(cast, Exception) else cast.script.dialogue_id for cast in casts] == [
        "en-u000+en-a001",
        "mute",
        "en-u002+en-a001",
        "mute",
    ]
    assert (backend.batches, backend.said) == (1, 4)
    stage.process(scripts)
    assert (backend.batches, backend.said) == (2, 5)  # what failed is asked for again, what is known is not
    with pytest.raises(ValueError, match="mute"):
        heard_once(backend, character("en-u001"))


def test_references_that_were_kept_are_not_heard_again() -> None:
    class Kept:
        def __init__(self) -> None:
            self.references = {character("en-u000"): np.full(99, 7, np.int16)}

        def find(self, who: Character) -> Any:
            return self.references.get(who)

        def keep(self, who: Character, reference: Any) -> Any:
            return self.references.setdefault(who, reference[:50])

    backend, kept = DesignOnly(), Kept()
    casts = CastVoices(backend, references=kept).process([script("en-u000", "en-a001"), script("en-u002", "en-a001")])
    first, second = (cast for cast in casts if not isinstance(cast, Exception))
    assert backend.said == 2
    assert first.user.voice_id == "espeak-world:en-u000"
    assert [len(np.asarray(voice.reference)) for voice in (first.user, first.assistant, second.user)] == [99, 50, 50]
    CastVoices(backend, references=kept).process([script("en-u002", "en-a001")])
    assert backend.said == 2


def test_one_character_on_both_sides_is_refused() -> None:
    with pytest.raises(RecipeError, match=r"en-u001 and en-u001 are 0\.00 semitones apart, less than 1\.0"):
        CastVoices(DesignOnly()).process([script("en-u001", "en-u001")])


def test_distance_adds_level_and_formants() -> None:
    one = Voice("one", "x", {"f0_hz": 100.0, "formant_ratio": 1.0})
    other = Voice("other", "x", {"f0_hz": 200.0, "formant_ratio": 2 ** (-1 / 12)})
    assert voice_distance_st(one, other) == pytest.approx(13.0)
    assert voice_distance_st(one, one) == 0.0
    assert voice_distance_st(Voice("a", "y", {}), Voice("b", "y", {})) == float("inf")
