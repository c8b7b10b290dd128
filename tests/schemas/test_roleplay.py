import pytest
from pydantic import ValidationError

from schemas.roleplay import ArcStep, PlayedDraft, Profile, Staging

TEXTS = {name: "a" for name in Profile.model_fields}
STAGED = {name: "a" for name in Staging.model_fields if name != "arc"}
STEP = {"emotion": "tender", "cause": "a gift"}


def test_a_profile_has_eight_texts_and_no_more() -> None:
    assert Profile(**TEXTS).manner == "a"
    for wrong in (TEXTS | {"age": "child"}, {"name": "a"}, TEXTS | {"name": "\ud83d"}):
        with pytest.raises(ValidationError):
            Profile.model_validate(wrong)


@pytest.mark.parametrize("steps", [1, 11])
def test_an_arc_has_two_to_ten_steps(steps: int) -> None:
    with pytest.raises(ValidationError, match="arc"):
        Staging.model_validate(STAGED | {"arc": [STEP] * steps})


def test_the_emotions_of_an_arc_are_those_that_can_be_performed() -> None:
    assert Staging.model_validate(STAGED | {"arc": [STEP, STEP]}).arc[1] == ArcStep(emotion="tender", cause="a gift")
    with pytest.raises(ValidationError, match=r"arc\.1\.emotion"):
        Staging.model_validate(STAGED | {"arc": [STEP, STEP | {"emotion": "jealous"}]})


def test_thought_and_action_may_be_left_out_of_a_turn() -> None:
    turn = {"role": "user", "text": "Well?", "intent": "ask"}
    (played,) = PlayedDraft.model_validate({"topic": "t", "turns": [turn]}).turns
    assert (played.thought, played.action) == ("", "")
