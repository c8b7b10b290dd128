from collections.abc import Callable, Iterator
from typing import Any

import parselmouth
import pytest

from schemas.script import Character, Turn
from schemas.take import SAMPLE_RATE, Line, Samples
from stages.backends.espeak_carrier import EspeakProcess
from stages.backends.espeak_speech import EspeakSpeech
from stages.backends.espeak_voice import design_voice
from tests.chat_server import ChatServer


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with ChatServer() as running:
        yield running


@pytest.fixture(scope="session")
def espeak() -> Iterator[EspeakProcess]:
    process = EspeakProcess()
    yield process
    process.close()


@pytest.fixture(scope="session")
def engine() -> Iterator[EspeakSpeech]:
    speech = EspeakSpeech()
    speech.open()
    yield speech
    speech.close()


@pytest.fixture(scope="session")
def make_character() -> Callable[..., Character]:
    """Builds a character; fields by keyword."""

    def make(**changes: Any) -> Character:
        profile: dict[str, Any] = {
            "character_id": "en-u001",
            "name": "Ann",
            "language": "en",
            "age": "middle-aged",
            "gender": "female",
            "identity": "a teacher",
            "personality": "practical",
            "temperament": "",
            "timbre": "",
            "pace": "normal",
        }
        return Character(**(profile | changes))

    return make


@pytest.fixture(scope="session")
def speech_line(make_character: Callable[..., Character]) -> Callable[..., Line]:
    """Builds a line with its designed voice; `seed`, fields of the turn and fields of the character by keyword."""

    def make(spoken: str, seed: int = 1, **changes: Any) -> Line:
        delivery = {key: changes.pop(key) for key in ("emotion", "intensity", "style") if key in changes}
        delivery["pace"] = changes.pop("turn_pace", "normal")
        speaker = make_character(**changes)
        turn = Turn(role="user", text=spoken, intent="tell", **delivery)
        voice = design_voice(speaker)
        return Line("d1", 0, 0, seed, "conversation", speaker.language, turn, spoken, speaker, voice)

    return make


@pytest.fixture(scope="session")
def praat_f0() -> Callable[[Samples], Any]:
    """f0 of voiced frames in Hz, by Praat's autocorrelation tracker: an ear that knows nothing of the engine."""

    def track(samples: Samples) -> Any:
        pitch = parselmouth.Sound(samples / 32768.0, SAMPLE_RATE).to_pitch_ac(0.005, 60.0, pitch_ceiling=700.0)
        f0_hz = pitch.selected_array["frequency"]
        return f0_hz[f0_hz > 0]

    return track
