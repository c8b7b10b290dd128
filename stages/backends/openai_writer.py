"""Scripts from a language model behind any OpenAI-compatible endpoint."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from schemas.recipe import Service
from schemas.script import DialoguePlan, Kind
from stages.backends.openai_chat import ChatClient
from stages.backends.openai_conversation import ConversationWriter
from stages.backends.openai_places import Places
from stages.backends.openai_prompts import Prompts
from stages.backends.openai_roleplay import RoleplayWriter
from stages.backends.openai_singing import SingingWriter
from stages.backends.protocols import Answers, Written
from stages.backends.repertoire import repertoire_digest


class KindWriter(Protocol):
    """Writes the dialogues of one kind, for many threads. Raises what fails one plan alone, or all of them."""

    def write(self, plan: DialoguePlan) -> Written: ...


WRITERS: Mapping[Kind, Callable[[str, ChatClient, Prompts, Places], KindWriter]] = {
    "conversation": ConversationWriter,
    "roleplay": RoleplayWriter,
    "singing": SingingWriter,
}
"""Kind -> its writer, made of what scripts are signed with, the endpoint, the prompts and the places."""


class OpenAIWriter:
    """ScriptWriter over chat completions. Setting, persons and everything that makes scripts differ come from the plan.

    An answer that cannot be read, or breaks a rule, is asked for once more, quoting what is wrong with it. A second
    answer that cannot be read fails this plan alone; a dialogue that breaks a rule again is left to the judge.
    """

    name = "openai"

    def __init__(
        self,
        model: str,
        temperature: float = 1.0,
        max_tokens: int = 4096,
        grammar: str | None = None,
        *,
        service: Service,
    ) -> None:
        self._places = Places(grammar)
        self._prompts = Prompts("writer")
        self._client = ChatClient(model, temperature, max_tokens, service)
        signed = f"{self.name}/{self._client.model}"
        self._writers = {
            kind: made(signed, self._client, self._prompts, self._places) for kind, made in WRITERS.items()
        }

    @property
    def fingerprint(self) -> str:
        shaped = (self._prompts.digest, self._places.digest, repertoire_digest())
        return hashlib.sha256("".join(shaped).encode()).hexdigest()

    def use(self, answers: Answers) -> None:
        self._client.use(answers)

    def open(self) -> None:
        self._prompts.open()
        self._places.open()
        self._client.open()

    def close(self) -> None:
        self._client.close()

    def probe(self) -> None:
        self._client.probe()

    def write(self, plans: Sequence[DialoguePlan]) -> list[Written | Exception]:
        """One script a plan, in order. Raises OutageError and CostLimitError for the whole batch."""
        return self._client.each(lambda plan: self._writers[plan.kind].write(plan), plans)
