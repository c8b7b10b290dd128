"""Scripts judged by a language model behind any OpenAI-compatible endpoint."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from schemas.recipe import Service
from schemas.script import Kind, Script, Turn
from stages.backends.openai_chat import ChatClient, Message
from stages.backends.openai_prompts import Prompts
from stages.backends.openai_question import Question
from stages.backends.openai_settings import number
from stages.backends.protocols import Answers, ScriptVerdict, Usage

REASON_CHARACTERS = 300


@dataclass(frozen=True)
class _View:
    """What the judge is shown of the script, of the two speakers, of each turn and of its song."""

    script: frozenset[str]
    user: frozenset[str]
    assistant: frozenset[str]
    turn: frozenset[str]
    song: frozenset[str] = frozenset()


_PERSON = frozenset({"name", "language", "age", "gender", "identity", "personality", "temperament"})
_PROFILE = _PERSON | {"species", "timbre", "pace", "world", "origin", "background", "relation"}
_TURN = frozenset({"role", "text", "emotion", "intensity", "style", "pace", "pause_before_s", "overlap"})
VIEWS: dict[Kind, _View] = {
    "conversation": _View(frozenset({"topic"}), _PERSON, _PERSON, _TURN),
    "roleplay": _View(
        frozenset({"topic", "setting"}),
        frozenset({"language", "age", "gender"}),
        _PROFILE,
        _TURN | {"thought", "action"},
    ),
    "singing": _View(frozenset({"topic"}), _PERSON, _PERSON, _TURN, frozenset({"title", "hummed"})),
}
"""By kind, which also has its own rubric. In a role-play the user takes a part: who they are otherwise is no matter. Of
a song the judge reads the words, which are its turn's text, and no notes."""


class _Verdict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    score: float = Field(ge=0.0, le=1.0)
    reason: str


class OpenAIJudge:
    """ScriptJudge over chat completions; rejects what scores below `minimum_score`.

    The default, 0.85, is the script judge's threshold of SpeechDialogueFactory. A verdict that cannot be read is asked
    for once more.
    """

    name = "openai"

    def __init__(
        self,
        model: str,
        minimum_score: float = 0.85,
        temperature: float = 0.0,
        max_tokens: int = 512,
        *,
        service: Service,
    ) -> None:
        self._minimum_score = number("minimum_score", minimum_score, 0.0, 1.0)
        self._prompts = Prompts("judge")
        self._client = ChatClient(model, temperature, max_tokens, service)
        self._questions = {kind: Question(kind, _Verdict, self._client, self._prompts) for kind in VIEWS}

    @property
    def fingerprint(self) -> str:
        return self._prompts.digest

    def use(self, answers: Answers) -> None:
        self._client.use(answers)

    def open(self) -> None:
        self._prompts.open()
        self._client.open()

    def close(self) -> None:
        self._client.close()

    def probe(self) -> None:
        self._client.probe()

    def judge(self, scripts: Sequence[Script]) -> list[ScriptVerdict | Exception]:
        """One verdict a script, in order. Raises OutageError and CostLimitError for the whole batch."""
        return self._client.each(self._judge_one, scripts)

    def messages(self, script: Script) -> list[Message]:
        """What the model is asked about a script: the rubric, and the script as data."""
        return self._questions[script.plan.kind].messages(script.plan.language, script=_as_data(script))

    def _judge_one(self, script: Script) -> ScriptVerdict:
        question = self._questions[script.plan.kind]
        said, usage = question.ask(script.plan.language, self.messages(script), script.plan.seed, lambda said: said)
        return self._verdict(said, usage)

    def _verdict(self, said: _Verdict, usage: Usage) -> ScriptVerdict:
        if said.score >= self._minimum_score:
            return ScriptVerdict(None, said.score, usage)
        why = " ".join(said.reason.split())[:REASON_CHARACTERS]
        return ScriptVerdict(f"judge: score {said.score:g} below {self._minimum_score:g}: {why}", said.score, usage)


def _as_data(script: Script) -> str:
    """JSON in which no text can close the tags around it."""
    view = VIEWS[script.plan.kind]
    speakers = {
        "user": script.user.model_dump(include=set(view.user)),
        "assistant": script.assistant.model_dump(include=set(view.assistant)),
    }
    turns = [_turn_as_data(turn, view) for turn in script.turns]
    data = json.dumps(script.model_dump(include=set(view.script)) | speakers | {"turns": turns}, ensure_ascii=False)
    return data.replace("<", "\\u003c").replace(">", "\\u003e")


def _turn_as_data(turn: Turn, view: _View) -> dict[str, Any]:
    data = turn.model_dump(include=set(view.turn))
    return data if turn.song is None else data | {"song": turn.song.model_dump(include=set(view.song))}
