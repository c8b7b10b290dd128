"""What is asked of an endpoint of `POST /v1/audio/speech`: one JSON body for each way to a voice."""

import base64
from dataclasses import dataclass
from typing import Any

from schemas.take import Line
from stages.backends.openai_speech_settings import SpeechSettings
from stages.backends.spoken_manner import LONGEST, manner, voice_words

TRIAL = "Hello."


@dataclass(frozen=True)
class Likeness:
    """A voice to clone: a WAV of it, and what it says there."""

    wav: bytes
    text: str


def named_body(settings: SpeechSettings, line: Line, voice: str) -> dict[str, Any]:
    """One of the endpoint's voices, told who speaks and how."""
    return _common(settings, line) | {"voice": voice} | _told(settings, voice_words(line.character), _manner(line))


def design_body(settings: SpeechSettings, line: Line) -> dict[str, Any]:
    """A new voice, from its description."""
    told = {"model": settings.design_model, "instructions": voice_words(line.character)}
    return {"task_type": "VoiceDesign"} | _common(settings, line) | told


def clone_body(settings: SpeechSettings, line: Line, likeness: Likeness) -> dict[str, Any]:
    """A voice that was heard before, told how to speak."""
    return {"task_type": "Base"} | _common(settings, line) | _likeness(likeness) | _told(settings, _manner(line))


def trial_body(settings: SpeechSettings, likeness: Likeness | None = None) -> dict[str, Any]:
    """One word: in the first of the endpoint's voices, in a voice to clone if there is one, or in a new voice."""
    body = dict(settings.extra_body) | {"input": TRIAL, "response_format": settings.response_format}
    body |= {"language": settings.languages["en"]} if "en" in settings.languages else {}
    if settings.mode == "named":
        return body | {"model": settings.model, "voice": settings.voices["female"][0]}
    if likeness is not None:
        return {"task_type": "Base"} | body | {"model": settings.model} | _likeness(likeness)
    seeded = {"model": settings.design_model, "instructions": "A calm young woman.", "seed": 1}
    return {"task_type": "VoiceDesign"} | body | seeded


def _common(settings: SpeechSettings, line: Line) -> dict[str, Any]:
    body = dict(settings.extra_body) | {"model": settings.model, "response_format": settings.response_format}
    if settings.seeded:
        body["seed"] = line.seed % 2**31
    if line.language in settings.languages:
        body["language"] = settings.languages[line.language]
    if line.turn.pace in settings.speeds:
        body["speed"] = settings.speeds[line.turn.pace]
    return body


def _likeness(likeness: Likeness) -> dict[str, str]:
    data_url = f"data:audio/wav;base64,{base64.b64encode(likeness.wav).decode()}"
    return {"ref_audio": data_url, "ref_text": likeness.text}


def _manner(line: Line) -> str:
    return manner(line.turn, line.language)


def _told(settings: SpeechSettings, *parts: str) -> dict[str, str]:
    """Who and how; where both are too long, who is cut short."""
    *who, how = parts
    said = [part[: LONGEST - len(how) - 1] for part in who] + ([how] if how else [])
    return {"instructions": " ".join(said)} if settings.instruct and said else {}
