from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from schemas.script import Character, Language, Turn
from schemas.take import Line, Measures, Samples, Take, Voice
from stages.backends.protocols import Hearing
from stages.transcribe import Transcribe


@dataclass
class ScriptedEars:
    """Hears what it was told to, one hearing per clip; remembers what it was asked."""

    hearings: list[Hearing]
    name: str = "scripted"
    fingerprint: str = "0"
    asked: list[tuple[int, str, Language]] = field(default_factory=list)
    is_open: bool = False

    def open(self) -> None:
        self.is_open = True

    def close(self) -> None:
        self.is_open = False

    def transcribe(
        self, clips: Sequence[Samples], texts: Sequence[str], languages: Sequence[Language], sung: Sequence[bool] = ()
    ) -> list[Hearing]:
        self.asked += [(len(c), t, lang) for c, t, lang in zip(clips, texts, languages, strict=True)]
        return self.hearings


def take(spoken: str, language: Language, length: int) -> Take:
    character = Character(
        character_id="en-u000",
        name="Nora",
        language=language,
        age="youth",
        gender="female",
        identity="",
        personality="",
        temperament="",
        timbre="",
        pace="normal",
    )
    turn = Turn(role="user", text=spoken, intent="greet")
    line = Line("d0", 0, 0, 1, "conversation", language, turn, spoken, character, Voice("v", "e", {}))
    return Take(line, np.zeros(length, dtype=np.int16), 24_000, (), measures=Measures(f0_mean_hz=120.0))


def test_hearings_are_written_into_their_takes_in_order() -> None:
    takes = [take("hello", "en", 10), take("你好", "zh", 20)]
    hearings = [
        Hearing("HH", "HH AH L OW", 0.75, 0.25, fallback_share=1.0, gap=3.0, worst_gap=9.0),
        Hearing("n i 2", "n i 2", 0.0, 1.0, gap=0.1, worst_gap=0.2),
    ]
    ears = ScriptedEars(hearings)
    assert list(Transcribe(ears).process(takes)) == [
        replace(
            takes[0],
            hypothesis="HH",
            reference="HH AH L OW",
            measures=Measures(
                error_rate=0.75, gap=3.0, worst_gap=9.0, length_ratio=0.25, fallback_share=1.0, f0_mean_hz=120.0
            ),
        ),
        replace(
            takes[1],
            hypothesis="n i 2",
            reference="n i 2",
            measures=Measures(
                error_rate=0.0, gap=0.1, worst_gap=0.2, length_ratio=1.0, fallback_share=0.0, f0_mean_hz=120.0
            ),
        ),
    ]
    assert ears.asked == [(10, "hello", "en"), (20, "你好", "zh")]


def test_what_is_heard_besides_the_words_is_kept() -> None:
    hearing = Hearing(
        "h i", "h i", 0.0, 1.0, repetition=0.1, language_agrees=1.0, compression_ratio=1.2,
        mean_log_probability=-0.3, no_speech_probability=0.01, tags=("en", "HAPPY", "Speech"),
    )  # fmt: skip
    (heard,) = Transcribe(ScriptedEars([hearing])).process([take("hi", "en", 10)])
    assert heard.heard_tags == ("en", "HAPPY", "Speech")
    measures = heard.measures
    assert (measures.repetition, measures.language_agrees, measures.compression_ratio) == (0.1, 1.0, 1.2)
    assert (measures.mean_log_probability, measures.no_speech_probability) == (-0.3, 0.01)


def test_a_missing_hearing_is_an_error() -> None:
    ears = ScriptedEars([])
    with pytest.raises(ValueError, match="shorter"):
        list(Transcribe(ears).process([take("hello", "en", 10)]))


def test_the_stage_opens_and_closes_its_back_end() -> None:
    ears = ScriptedEars([])
    stage = Transcribe(ears)
    stage.open()
    assert ears.is_open
    stage.close()
    assert not ears.is_open
