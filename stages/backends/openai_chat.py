"""The one client of OpenAI-compatible chat endpoints: requests, their cost, and answers that are kept.

An answer is known by the digest of its request: model, messages, sampling parameters and the form that is asked for,
but neither the endpoint nor the key, nor how much of the form the endpoint understands, so a fallback loses nothing.
Every well-formed completion is kept, also one that turns out unfit: who asks again in the same words gets the same.
Only what is delivered counts as cost; an endpoint may charge for an answer that broke on its way.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, TypeVar

from schemas.recipe import Service
from stages.backends.http_attempts import Attempts
from stages.backends.http_client import ServiceClient
from stages.backends.openai_attempts import ChatAttempts, canonical
from stages.backends.openai_completion import Completion, kept_completion, price_usd
from stages.backends.openai_schema import Form
from stages.backends.openai_settings import MAX_TOKENS, model_name, number, whole_number
from stages.backends.protocols import Answers

PROBE_TOKENS = 16

Message = Mapping[str, str]
Item = TypeVar("Item")
Result = TypeVar("Result")


class ChatClient:
    """One model behind one endpoint, for many threads. `use` comes before `open`."""

    def __init__(self, model: str, temperature: float, max_tokens: int, service: Service) -> None:
        """Raises RecipeError for settings of the wrong type or out of range."""
        self.model = model_name(model)
        self._temperature = number("temperature", temperature, 0.0, 2.0)
        self._max_tokens = whole_number("max_tokens", max_tokens, 1, MAX_TOKENS)
        self._service = service
        attempts = Attempts(service)
        self._chat = ChatAttempts(service, attempts)
        self._endpoint = ServiceClient(
            service,
            attempts,
            self._ask_a_word,
            f"does not answer model '{self.model}' a single word",
            "answers that were paid for are kept",
        )
        self._answers: Answers = _NoAnswers()

    def use(self, answers: Answers) -> None:
        self._answers = answers

    def open(self) -> None:
        self._chat.open()

    def close(self) -> None:
        self._chat.close()

    def probe(self) -> None:
        """Ask for one word. Raises OutageError that names endpoint, cause and remedy if there is no answer."""
        self._endpoint.probe()

    def each(self, function: Callable[[Item], Result], items: Sequence[Item]) -> list[Result | Exception]:
        """As `ServiceClient.each`."""
        return self._endpoint.each(function, items)

    def ask(self, messages: Sequence[Message], form: Form, seed: int) -> Completion:
        """The answer to the messages: a kept one, or a fresh one that is paid for and kept.

        Raises UnansweredError for this request alone, and OutageError or CostLimitError for all.
        """
        request = self._request(messages, seed)
        digest = _digest(request, form)
        if (kept := kept_completion(self._answers.find(digest))) is not None:
            return kept
        worst_usd = price_usd(self._service, len(canonical({**request, "form": form.schema})), self._max_tokens)
        self._answers.reserve(worst_usd)
        try:
            completion = self._endpoint.answered(
                lambda attempts, quota_s: self._chat.insist(request, form, attempts, quota_s)
            )
        except BaseException:
            self._answers.release(worst_usd)
            raise
        self._answers.keep(digest, asdict(completion), completion.usd, worst_usd)
        return completion

    def disown(self, messages: Sequence[Message], form: Form, seed: int) -> None:
        """The kept answer to the messages is of no use: who retries what failed is to ask anew."""
        self._answers.disown(_digest(self._request(messages, seed), form))

    def _request(self, messages: Sequence[Message], seed: int) -> dict[str, Any]:
        return {
            "model": self.model,
            "messages": [dict(message) for message in messages],
            "temperature": self._temperature,
            "max_tokens": self._max_tokens,
            "seed": seed % 2**31,
        }

    def _ask_a_word(self, attempts: int, quota_s: float) -> Completion:
        request = {"model": self.model, "messages": [{"role": "user", "content": "Say yes."}]}
        return self._chat.insist(request | {"max_tokens": PROBE_TOKENS}, None, attempts, quota_s)


class _NoAnswers:
    """Answers for who keeps none, and has no limit."""

    def find(self, digest: str) -> dict[str, Any] | None:
        return None

    def reserve(self, usd: float) -> None: ...

    def keep(self, digest: str, answer: dict[str, Any], usd: float, reserved_usd: float) -> None: ...

    def release(self, reserved_usd: float) -> None: ...

    def disown(self, digest: str) -> None: ...


def _digest(request: Mapping[str, Any], form: Form) -> str:
    return hashlib.sha256(canonical({**request, "form": form.schema})).hexdigest()
