"""Scripts judged by a language model behind any OpenAI-compatible endpoint."""

import json
from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, Field

from schemas.recipe import Service
from schemas.script import Script
from stages.backends.openai_chat import ChatClient, Message
from stages.backends.openai_completion import Completion
from stages.backends.openai_prompts import Prompts
from stages.backends.openai_replies import ask_twice, read_reply
from stages.backends.openai_schema import form_of
from stages.backends.openai_settings import number
from stages.backends.protocols import Answers, ScriptVerdict, Usage

REASON_CHARACTERS = 300
SPEAKER_FIELDS = {"name", "language", "age", "gender", "identity", "personality", "temperament"}
TURN_FIELDS = {"role", "text", "emotion", "intensity", "style", "pace", "pause_before_s", "overlap"}


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
        self._form = form_of(_Verdict)
        self._client = ChatClient(model, temperature, max_tokens, service)

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
        language = script.plan.language
        system = self._prompts.render(language, "system")
        request = self._prompts.render(language, "conversation", script=_as_data(script))
        return [{"role": "system", "content": system}, {"role": "user", "content": request}]

    def _judge_one(self, script: Script) -> ScriptVerdict:
        def mend(problem: str) -> str:
            return self._prompts.render(script.plan.language, "mend", problem=problem)

        messages, seed = self.messages(script), script.plan.seed
        try:
            said, usage = ask_twice(self._client, messages, self._form, seed, _read, mend)
        except ValueError as error:
            raise ValueError(f"two verdicts of {self._client.model} cannot be read; the second: {error}") from None
        return self._verdict(said, usage)

    def _verdict(self, said: _Verdict, usage: Usage) -> ScriptVerdict:
        if said.score >= self._minimum_score:
            return ScriptVerdict(None, said.score, usage)
        why = " ".join(said.reason.split())[:REASON_CHARACTERS]
        return ScriptVerdict(f"judge: score {said.score:g} below {self._minimum_score:g}: {why}", said.score, usage)


def _read(completion: Completion) -> _Verdict:
    return read_reply(completion, _Verdict)


def _as_data(script: Script) -> str:
    """JSON in which no text can close the tags around it."""
    speakers = {
        "user": script.plan.user.model_dump(include=SPEAKER_FIELDS),
        "assistant": script.plan.assistant.model_dump(include=SPEAKER_FIELDS),
    }
    turns = [turn.model_dump(include=TURN_FIELDS) for turn in script.turns]
    data = json.dumps({"topic": script.topic, **speakers, "turns": turns}, ensure_ascii=False)
    return data.replace("<", "\\u003c").replace(">", "\\u003e")
