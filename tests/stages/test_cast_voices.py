import pytest

from schemas.errors import RecipeError
from schemas.script import Character, DialoguePlan, Script, Turn
from schemas.take import Voice
from stages.backends.espeak_speech import EspeakSpeech
from stages.cast_voices import MIN_DISTANCE_ST, CastVoices, voice_distance_st


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


def test_a_character_keeps_its_voice_and_the_two_of_a_dialogue_differ() -> None:
    stage = CastVoices(EspeakSpeech())
    scripts = [script(f"en-u{user:03d}", f"en-a{assistant:03d}") for user in range(12) for assistant in range(6)]
    casts = stage.process(scripts)
    assert [cast.script for cast in casts] == scripts
    for cast in casts:
        assert voice_distance_st(cast.user, cast.assistant) >= MIN_DISTANCE_ST
        assert cast.user.voice_id == f"espeak-world:{cast.script.plan.user.character_id}"
        assert cast.voice(cast.script.turns[0]) == cast.user
    assert len({cast.user.voice_id: cast.user for cast in casts}) == 12
    assert all(cast.user == casts[index - index % 6].user for index, cast in enumerate(casts))


def test_one_character_on_both_sides_is_refused() -> None:
    with pytest.raises(RecipeError, match=r"en-u001 and en-u001 are 0\.00 semitones apart, less than 1\.0"):
        CastVoices(EspeakSpeech()).process([script("en-u001", "en-u001")])


def test_distance_adds_level_and_formants() -> None:
    one = Voice("one", "x", {"f0_hz": 100.0, "formant_ratio": 1.0})
    other = Voice("other", "x", {"f0_hz": 200.0, "formant_ratio": 2 ** (-1 / 12)})
    assert voice_distance_st(one, other) == pytest.approx(13.0)
    assert voice_distance_st(one, one) == 0.0
    assert voice_distance_st(Voice("a", "y", {}), Voice("b", "y", {})) == float("inf")
