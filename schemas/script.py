"""What is said and by whom: the records a script writer returns.

These are pydantic models because a language model may be asked for them: they give the JSON schema and
validate what comes back.
"""

from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from schemas.score import Song

Kind = Literal["conversation", "roleplay", "singing"]
Language = Literal["en", "zh"]
Role = Literal["user", "assistant"]
Emotion = Literal[
    "neutral", "happy", "excited", "sad", "angry", "fearful", "surprised", "tender", "contemptuous", "tired"
]
Style = Literal["plain", "whisper", "shout"]
Manner = Literal["plain", "whisper", "shout", "backchannel", "sung", "hummed"]
Pace = Literal["slow", "normal", "fast"]
Overlap = Literal["none", "interrupts", "backchannel"]
Age = Literal["child", "youth", "middle-aged", "elderly"]
Gender = Literal["female", "male"]

KINDS: tuple[Kind, ...] = get_args(Kind)
LANGUAGES: tuple[Language, ...] = get_args(Language)
EMOTIONS: tuple[Emotion, ...] = get_args(Emotion)
STYLES: tuple[Style, ...] = get_args(Style)
MANNERS: tuple[Manner, ...] = get_args(Manner)
PACES: tuple[Pace, ...] = get_args(Pace)
AGES: tuple[Age, ...] = get_args(Age)
GENDERS: tuple[Gender, ...] = get_args(Gender)


def _encodable(text: str) -> str:
    """JSON can hold half of a surrogate pair; no file and no Arrow column can."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"character {error.start} is half of a surrogate pair, which is no text") from error
    return text


WrittenText = Annotated[str, AfterValidator(_encodable)]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Character(_Record):
    """A speaker. `character_id` is unique in a corpus; the same id always sounds the same.

    The last five are of role-play: `species` is empty for people, `origin` says where the character comes from, and
    `background` and `relation` (to the user) are sentences.
    """

    character_id: str
    name: str
    language: Language
    age: Age
    gender: Gender
    identity: str
    personality: str
    temperament: str
    timbre: str
    pace: Pace
    species: str = ""
    world: str = ""
    origin: str = ""
    background: str = ""
    relation: str = ""


class WrittenTurn(_Record):
    """One turn of a dialogue as a language model is asked for it.

    `intent` names the speech act in a word or two. `pause_before_s` is the silence before the turn; with `overlap` it
    is ignored: an interruption cuts in before the previous turn has ended, a back-channel is said under it. The text
    may hold the tags of `schemas.tags`.
    """

    role: Role
    text: WrittenText
    intent: WrittenText
    emotion: Emotion = "neutral"
    intensity: int = Field(default=1, ge=1, le=3)
    style: Style = "plain"
    pace: Pace = "normal"
    pause_before_s: float = Field(default=0.3, ge=0.0, le=5.0)
    overlap: Overlap = "none"


class PlayedTurn(WrittenTurn):
    """One turn of a role-play as a language model is asked for it: besides what is said, what the speaker thinks and
    does meanwhile. Neither is spoken."""

    thought: WrittenText = ""
    action: WrittenText = ""


class Turn(PlayedTurn):
    """One turn of a dialogue. `slots` are the filled slots of the grammar's text, name to value; they let a checker see
    what turns share. A turn with a `song` is sung: its text is the song's lyric."""

    slots: dict[str, str] = Field(default_factory=dict)
    song: Song | None = None

    @property
    def manner(self) -> Manner:
        """Whose limits the turn is judged by: its style's, a song's, or those of a back-channel, which is too short."""
        if self.song is not None:
            return "hummed" if self.song.hummed else "sung"
        return "backchannel" if self.overlap == "backchannel" else self.style


class Draft(_Record):
    """What a language model returns for a dialogue."""

    topic: WrittenText
    turns: tuple[WrittenTurn, ...]


class DialoguePlan(_Record):
    """What the recipe decided about one dialogue before anything is written."""

    dialogue_id: str
    kind: Kind
    language: Language
    split: str
    scene: str
    user: Character
    assistant: Character
    seed: int


class Script(_Record):
    """A written dialogue. Turns alternate between user and assistant, the user first, back-channels apart; a song may
    follow what its singer says before it.

    `setting` is the scene in words. `profile` is the assistant as the writer has worked it out from the plan's; None
    where it is the plan's own.
    """

    plan: DialoguePlan
    topic: WrittenText
    turns: tuple[Turn, ...]
    writer: str
    setting: WrittenText = ""
    profile: Character | None = None

    @property
    def dialogue_id(self) -> str:
        return self.plan.dialogue_id

    @property
    def user(self) -> Character:
        return self.plan.user

    @property
    def assistant(self) -> Character:
        return self.profile or self.plan.assistant

    def speaker(self, turn: Turn) -> Character:
        return self.user if turn.role == "user" else self.assistant
