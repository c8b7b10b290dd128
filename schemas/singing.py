"""What a language model is asked for around a song: words for a melody, and the talk before and after it is sung.

Pydantic models, as in `schemas.script`: they give the JSON schema and validate what comes back.
"""

from pydantic import BaseModel, ConfigDict, Field

from schemas.script import Emotion, Pace, Role, WrittenText


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Lyrics(_Answer):
    """The words of a song, a string for each line of its melody."""

    title: WrittenText
    lines: tuple[WrittenText, ...]


class SpokenTurn(_Answer):
    """What is said around a song: plainly, and one after the other."""

    role: Role
    text: WrittenText
    intent: WrittenText
    emotion: Emotion
    intensity: int = Field(ge=1, le=3)
    pace: Pace
    pause_before_s: float = Field(ge=0.0, le=5.0)


class SungDraft(_Answer):
    """The talk before and after a song, which stands between the two."""

    topic: WrittenText
    before: tuple[SpokenTurn, ...] = Field(min_length=1, max_length=6)
    after: tuple[SpokenTurn, ...] = Field(min_length=1, max_length=6)
