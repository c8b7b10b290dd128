"""Who sings a song of the songbook, and in which key."""

from typing import Any

import pytest

from schemas.errors import RecipeError
from tests.trainer.test_speak import VOICES, known
from trainer.speak import song_for
from trainer.voices import Voices


def test_a_song_is_sung_by_a_singer_of_its_language_in_a_key_for_the_voice() -> None:
    low = known("Deep")
    others = Voices((low, known("Voice", kind="singing"), known("Li", "zh")))
    score, who = song_for("row", others)
    assert who.name == "Voice"
    assert song_for("row", others)[0] == score
    assert song_for("molihua", others)[1].name == "Li"
    assert song_for("row", Voices((low,)))[1].name == "Deep"


def test_a_song_too_wide_for_every_voice(monkeypatch: pytest.MonkeyPatch) -> None:
    def too_wide(*_: Any) -> None:
        raise ValueError("too wide")

    monkeypatch.setattr("stages.backends.song_variants.for_singer", too_wide)
    with pytest.raises(RecipeError, match="--song row: no voice of the model is wide enough for it"):
        song_for("row", VOICES)
