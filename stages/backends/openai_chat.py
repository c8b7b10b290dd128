"""The one client of OpenAI-compatible chat endpoints: retries, concurrency, rate, cost, and answers that are kept.

An answer is known by the digest of its request: model, messages, sampling parameters and the form that is asked for,
but neither the endpoint nor the key, nor how much of the form the endpoint understands, so a fallback loses nothing.
Every well-formed completion is kept, also one that turns out unfit: who asks again in the same words gets the same.
Only what is delivered counts as cost; an endpoint may charge for an answer that broke on its way.
"""

import hashlib
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict
from typing import Any, TypeVar

from schemas.errors import CostLimitError, FolderError, OutageError, RecipeError
from schemas.recipe import Service
from stages.backends.openai_attempts import Attempts, canonical
from stages.backends.openai_completion import Completion, kept_completion, price_usd
from stages.backends.openai_http import EndpointTrouble, Refusal, UnansweredError
from stages.backends.openai_schema import Form
from stages.backends.openai_settings import MAX_TOKENS, model_name, number, whole_number
from stages.backends.protocols import Answers

QUOTA_S = 600.0
"""So long a request that gets nothing but 429 is asked again, as its endpoint is alive. Then it is given up; and where
nobody was answered in that time, so is the run."""

PROBE_ATTEMPTS = 3
PROBE_TOKENS = 16
PROBE_QUOTA_S = 10.0

COMMON_TROUBLE = (OutageError, CostLimitError, RecipeError, FolderError)
"""No record's own: it stops the batch."""

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
        self._attempts = Attempts(service)
        self._answers: Answers = _NoAnswers()
        self._lock = threading.Lock()
        self._probing = threading.Lock()
        self._batches = 0

    def use(self, answers: Answers) -> None:
        self._answers = answers

    def open(self) -> None:
        self._attempts.open()

    def close(self) -> None:
        self._attempts.close()

    def probe(self) -> None:
        """Ask for one word. Raises OutageError that names endpoint, cause and remedy if there is no answer."""
        try:
            self._ask_a_word(PROBE_QUOTA_S)
        except (EndpointTrouble, Refusal) as cause:
            raise self._silence(cause) from None

    def each(self, function: Callable[[Item], Result], items: Sequence[Item]) -> list[Result | Exception]:
        """`function` over the items, `service.concurrency` at a time; results in order, failures in their places.

        Trouble that is common to all is raised, after those in flight have ended.
        """
        with self._lock:
            if self._batches == 0:
                self._attempts.resume()
            self._batches += 1
        pool = ThreadPoolExecutor(self._service.concurrency, thread_name_prefix="chat")
        futures = [pool.submit(function, item) for item in items]
        try:
            for future in as_completed(futures):
                if isinstance(error := future.exception(), COMMON_TROUBLE):
                    raise error
            return [_outcome(future.exception()) or future.result() for future in futures]
        except BaseException as error:
            if not isinstance(error, COMMON_TROUBLE):
                self._attempts.stop(None)
            raise
        finally:
            pool.shutdown(cancel_futures=True)
            with self._lock:
                self._batches -= 1

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
            completion = self._answer(request, form)
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

    def _answer(self, request: Mapping[str, Any], form: Form) -> Completion:
        began_s = time.monotonic()
        cause: EndpointTrouble | Refusal
        try:
            return self._attempts.insist(request, form, self._service.attempts, QUOTA_S)
        except EndpointTrouble as trouble:
            cause = trouble
        except Refusal as refusal:
            cause = refusal
        except OutageError as outage:
            self._attempts.stop(outage)
            raise
        if isinstance(cause, EndpointTrouble) or cause.outage is not None:
            self._rule_out_outage(began_s, cause)
        raise UnansweredError(f"{self._service.base_url} does not answer this request: {cause}")

    def _rule_out_outage(self, began_s: float, cause: EndpointTrouble | Refusal) -> None:
        """Raises OutageError, and stops all, if the endpoint answers nobody."""
        with self._probing:
            self._attempts.raise_if_stopped()
            outage = self._found_outage(began_s, cause)
            if outage is not None:
                self._attempts.stop(outage)
                raise outage

    def _found_outage(self, began_s: float, cause: EndpointTrouble | Refusal) -> OutageError | None:
        """None if others were answered since `began_s`, or a probe is."""
        answered_s = self._attempts.answered_s
        if isinstance(cause, EndpointTrouble) and cause.limited:
            return self._used_up(cause) if time.monotonic() - answered_s > QUOTA_S else None
        if answered_s >= began_s:
            return None
        try:
            self._ask_a_word(0.0)
        except EndpointTrouble as trouble:
            return None if trouble.limited else self._silence(trouble)
        except Refusal as refusal:
            return self._silence(refusal)
        except OutageError as outage:
            return outage
        return None

    def _ask_a_word(self, quota_s: float) -> None:
        request = {"model": self.model, "messages": [{"role": "user", "content": "Say yes."}]}
        self._attempts.insist(request | {"max_tokens": PROBE_TOKENS}, None, PROBE_ATTEMPTS, quota_s)

    def _silence(self, cause: EndpointTrouble | Refusal) -> OutageError:
        if isinstance(cause, Refusal) and cause.outage is not None:
            return cause.outage
        return OutageError(
            f"{self._service.base_url} does not answer model '{self.model}' a single word: {cause}. Start the "
            "endpoint or mend 'service.base_url' of the back end, then build again: answers that were paid for "
            "are kept."
        )

    def _used_up(self, cause: EndpointTrouble) -> OutageError:
        return OutageError(
            f"{self._service.base_url} has answered nobody for {QUOTA_S:g} s, the quota is used up: {cause}. Build "
            "again when there is quota, or lower 'service.requests_per_minute' of the back end: answers that were "
            "paid for are kept."
        )


class _NoAnswers:
    """Answers for who keeps none, and has no limit."""

    def find(self, digest: str) -> dict[str, Any] | None:
        return None

    def reserve(self, usd: float) -> None: ...

    def keep(self, digest: str, answer: dict[str, Any], usd: float, reserved_usd: float) -> None: ...

    def release(self, reserved_usd: float) -> None: ...

    def disown(self, digest: str) -> None: ...


def _outcome(error: BaseException | None) -> Exception | None:
    if error is not None and not isinstance(error, Exception):
        raise error
    return error


def _digest(request: Mapping[str, Any], form: Form) -> str:
    return hashlib.sha256(canonical({**request, "form": form.schema})).hexdigest()
