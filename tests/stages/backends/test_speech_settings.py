from typing import Any

import pytest

from schemas.errors import RecipeError
from stages.backends.speech_settings import check_unused, one_of, text, voices_by_gender

SOUND = {"female": ["a", "b"], "male": ["c", "d", "e"]}


def test_voices_of_both_genders() -> None:
    assert voices_by_gender(SOUND) == {"female": ("a", "b"), "male": ("c", "d", "e")}


@pytest.mark.parametrize(
    "value",
    [
        None,
        ["a", "b"],
        {"female": ["a", "b"]},
        SOUND | {"other": ["x", "y"]},
        SOUND | {"male": ["c"]},
        SOUND | {"male": ["c", "c"]},
        SOUND | {"male": ["c", " "]},
        SOUND | {"male": ["c", 4]},
        SOUND | {"male": "cd"},
    ],
)
def test_no_table_of_voices(value: Any) -> None:
    with pytest.raises(RecipeError, match=r"^'settings.voices' of the speech back end is not a table such as .*: mend"):
        voices_by_gender(value)


def test_a_voice_has_one_gender() -> None:
    with pytest.raises(RecipeError, match="is not without a name that stands for both genders"):
        voices_by_gender(SOUND | {"male": ["a", "d"]})


def test_texts_and_choices() -> None:
    assert text("model", "m") == one_of("mode", "m", ("l", "m")) == "m"
    with pytest.raises(RecipeError, match=r"^'settings.mode' .* is not one of: l, m: mend it in the recipe\.$"):
        one_of("mode", "n", ("l", "m"))
    with pytest.raises(RecipeError, match=r"'settings.model' .* is not a text"):
        text("model", "")


def test_what_does_nothing_is_an_error() -> None:
    check_unused("voices", None, "design")
    with pytest.raises(RecipeError, match=r"'settings.voices' .* is of no use in the mode 'design': delete it"):
        check_unused("voices", SOUND, "design")
