"""One thing that a language model is asked for: the words of the request, the form of the answer, asking once more."""

from collections.abc import Callable
from typing import Any, Generic, TypeVar

from pydantic import BaseModel

from schemas.script import Language
from stages.backends.openai_chat import ChatClient, Message
from stages.backends.openai_completion import Completion
from stages.backends.openai_prompts import Prompts
from stages.backends.openai_replies import ask_twice, read_reply
from stages.backends.openai_schema import form_of
from stages.backends.protocols import Usage

Answer = TypeVar("Answer", bound=BaseModel)
Result = TypeVar("Result")


class Question(Generic[Answer]):
    """Asked with the templates `LANGUAGE/NAME/{system,request,mend}.jinja`, answered with the JSON of a pydantic model.

    An answer that cannot be read, or that there is a complaint about, is asked for once more, quoting what is wrong.
    """

    def __init__(self, name: str, answer: type[Answer], client: ChatClient, prompts: Prompts) -> None:
        self._name = name
        self._answer = answer
        self._form = form_of(answer)
        self._client = client
        self._prompts = prompts

    def messages(self, language: Language, **values: Any) -> list[Message]:
        """The rules, and the request; each takes of the values what it mentions."""
        return [
            {"role": "system", "content": self._prompts.render(language, f"{self._name}/system", **values)},
            {"role": "user", "content": self._prompts.render(language, f"{self._name}/request", **values)},
        ]

    def ask(
        self,
        language: Language,
        messages: list[Message],
        seed: int,
        make: Callable[[Answer], Result],
        complaint: Callable[[Result], str | None] = lambda result: None,
    ) -> tuple[Result, Usage]:
        """What `make` makes of the answer, and what both answers cost. Of a second answer, only what cannot be read,
        or is refused by a ValueError of `make`, is no result.

        Raises ValueError that says why there is no result.
        """

        def read(completion: Completion) -> Result:
            return make(read_reply(completion, self._answer))

        def mend(problem: str) -> str:
            return self._prompts.render(language, f"{self._name}/mend", problem=problem)

        try:
            return ask_twice(self._client, messages, self._form, seed, read, mend, complaint)
        except ValueError as error:
            answers = f"two answers of {self._client.model} to '{self._name}'"
            raise ValueError(f"{answers} cannot be read; the second: {error}") from None
