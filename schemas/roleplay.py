"""What a language model is asked for before it writes a role-play: who the character is, and how the scene is staged.

Pydantic models, as in `schemas.script`: they give the JSON schema and validate what comes back.
"""

from pydantic import BaseModel, ConfigDict, Field

from schemas.script import Emotion, PlayedTurn, WrittenText


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Profile(_Answer):
    """A character worked out from its brief; what it leaves out (age, gender, species, world, pace, origin) is the
    brief's. `manner` says how the character talks: vocabulary, forms of address, how age and world show."""

    name: WrittenText
    identity: WrittenText
    personality: WrittenText
    temperament: WrittenText
    timbre: WrittenText
    background: WrittenText
    relation: WrittenText
    manner: WrittenText


class ArcStep(_Answer):
    """One step of the character's emotion arc, and what brings it about."""

    emotion: Emotion
    cause: WrittenText


class Staging(_Answer):
    """A scene worked out: where and when, what is at stake, who the user is in it, how the two address each other, and
    the arc of the character's emotions."""

    place: WrittenText
    time: WrittenText
    stake: WrittenText
    user_part: WrittenText
    user_calls: WrittenText
    character_calls: WrittenText
    arc: tuple[ArcStep, ...] = Field(min_length=2, max_length=10)


class PlayedDraft(_Answer):
    """A role-play dialogue."""

    topic: WrittenText
    turns: tuple[PlayedTurn, ...]
