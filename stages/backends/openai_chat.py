"""The one client of OpenAI-compatible chat endpoints: retries, concurrency, rate, cost, and answers that are kept.

An answer is known by the digest of its request: model, messages, sampling parameters and the form that is asked for,
but neither the endpoint nor the key, nor how much of the form the endpoint understands, so a fallback loses nothing.
Every well-formed completion is kept, also one that turns out unfit: who asks again in the same words gets the same.
Only what is delivered counts as cost; an endpoint may charge for an answer that broke on its way.
"""

import hashlib
import json
import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict
from typing import Any, TypeVar

from schemas.errors import CostLimitError, FolderError, OutageError, RecipeError
from schemas.recipe import Service
from stages.backends.openai_completion import Completion, kept_completion, price_usd, read_completion
from stages.backends.openai_http import MAX_WAIT_S, Endpoint, EndpointTrouble, Refusal
from stages.backends.openai_schema import Dialect, Form
from stages.backends.protocols import Answers
from stages.backends.rate_limit import RateLimit

PROBE_ATTEMPTS = 3
PROBE_TOKENS = 16

FIRST_WAIT_S, WAIT_FACTOR = 0.1, 3.0
"""Pauses between attempts, where the endpoint asks for none: 0.1, 0.3, 0.9 … s, each ± half."""

COMMON_TROUBLE = (OutageError, CostLimitError, RecipeError, FolderError)
"""No record's own: it stops the batch."""

Message = Mapping[str, str]
Item = TypeVar("Item")
Result = TypeVar("Result")


class UnansweredError(Exception):
    """This request was not answered, while the endpoint answers others."""


class ChatClient:
    """One model behind one endpoint, for many threads. `use` comes before `open`."""

    def __init__(self, model: str, temperature: float, max_tokens: int, service: Service) -> None:
        self.model = model
        self._temperature = temperature
        self._max_tokens = max_tokens
        self._service = service
        self._endpoint = Endpoint(service)
        self._rate = RateLimit(service.requests_per_minute)
        self._slots = threading.BoundedSemaphore(service.concurrency)
        self._dialect = Dialect()
        self._answers: Answers = _NoAnswers()
        self._lock = threading.Lock()
        self._probing = threading.Lock()
        self._batches = 0
        self._stopped = threading.Event()
        self._outage: OutageError | None = None
        self._answered_s = float("-inf")

    def use(self, answers: Answers) -> None:
        self._answers = answers

    def open(self) -> None:
        self._endpoint.open()

    def close(self) -> None:
        self._endpoint.close()

    def probe(self) -> None:
        """Ask for one word. Raises OutageError that names endpoint, cause and remedy if there is no answer."""
        request = {"model": self.model, "messages": [{"role": "user", "content": "Say yes."}]}
        try:
            self._insist(request | {"max_tokens": PROBE_TOKENS}, None, PROBE_ATTEMPTS)
        except (EndpointTrouble, Refusal) as cause:
            raise OutageError(
                f"{self._service.base_url} does not answer model '{self.model}' a single word: {cause}. Start the "
                "endpoint or mend 'service.base_url' of the back end, then build again: answers that were paid for "
                "are kept."
            ) from None

    def each(self, function: Callable[[Item], Result], items: Sequence[Item]) -> list[Result | Exception]:
        """`function` over the items, `service.concurrency` at a time; results in order, failures in their places.

        Trouble that is common to all is raised, after those in flight have ended.
        """
        with self._lock:
            if self._batches == 0:
                self._outage = None
                self._stopped.clear()
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
                self._stop(None)
            raise
        finally:
            pool.shutdown(cancel_futures=True)
            with self._lock:
                self._batches -= 1

    def ask(self, messages: Sequence[Message], form: Form, seed: int) -> Completion:
        """The answer to the messages: a kept one, or a fresh one that is paid for and kept.

        Raises UnansweredError for this request alone, and OutageError or CostLimitError for all.
        """
        request = {
            "model": self.model,
            "messages": [dict(message) for message in messages],
            "temperature": self._temperature,
            "max_tokens": self._max_tokens,
            "seed": seed % 2**31,
        }
        digest = _digest({**request, "form": form.schema})
        if (kept := kept_completion(self._answers.find(digest))) is not None:
            return kept
        worst_usd = price_usd(self._service, len(_canonical({**request, "form": form.schema})), self._max_tokens)
        self._answers.reserve(worst_usd)
        try:
            completion = self._answer(request, form)
        except BaseException:
            self._answers.release(worst_usd)
            raise
        self._answers.keep(digest, asdict(completion), completion.usd, worst_usd)
        return completion

    def _answer(self, request: Mapping[str, Any], form: Form) -> Completion:
        began_s = time.monotonic()
        try:
            return self._insist(request, form, self._service.attempts)
        except EndpointTrouble as trouble:
            self._rule_out_outage(began_s)
            cause: Exception = trouble
        except Refusal as refusal:
            cause = refusal
        raise UnansweredError(f"{self._service.base_url} does not answer this request: {cause}")

    def _rule_out_outage(self, began_s: float) -> None:
        """Raises OutageError if nobody was answered since `began_s`, and a probe is not either."""
        with self._probing:
            self._raise_if_stopped()
            if self._answered_s < began_s:
                try:
                    self.probe()
                except OutageError as outage:
                    self._stop(outage)
                    raise

    def _insist(self, request: Mapping[str, Any], form: Form | None, attempts: int) -> Completion:
        """The one retry layer. Raises the last attempt's EndpointTrouble, Refusal or OutageError."""
        from tenacity import Retrying, retry_if_exception_type, sleep_using_event, stop_after_attempt, stop_any
        from tenacity import stop_when_event_set as stop_when

        retrying = Retrying(
            stop=stop_any(stop_after_attempt(attempts), stop_when(self._stopped)),
            wait=_pause_s,
            retry=retry_if_exception_type(EndpointTrouble),
            sleep=sleep_using_event(self._stopped),
            reraise=True,
        )
        try:
            return retrying(self._try_once, request, form)
        except OutageError as outage:
            self._stop(outage)
            raise

    def _try_once(self, request: Mapping[str, Any], form: Form | None) -> Completion:
        while True:
            self._rate.wait(self._stopped)
            self._raise_if_stopped()
            dialect = self._dialect
            body = dialect.body(request, form)
            try:
                with self._slots:  # batches of several threads share them
                    text = self._endpoint.post(body)
                completion = read_completion(text, len(_canonical(body)), self._service)
            except EndpointTrouble as trouble:
                if trouble.limited:
                    self._rate.hold(trouble.wait_s or 0.0)
                raise
            except Refusal as refusal:
                self._answered_s = time.monotonic()
                simpler = dialect.after(str(refusal), body) if refusal.about_parameters else None
                if simpler is None:
                    raise
                self._dialect = simpler
                continue
            self._answered_s = time.monotonic()
            return completion

    def _stop(self, outage: OutageError | None) -> None:
        """Nobody waits for another attempt, nor makes one."""
        self._outage = outage
        self._stopped.set()

    def _raise_if_stopped(self) -> None:
        if self._stopped.is_set():
            raise self._outage or UnansweredError(f"{self._service.base_url} was not asked: the batch was interrupted")


class _NoAnswers:
    """Answers for who keeps none, and has no limit."""

    def find(self, digest: str) -> dict[str, Any] | None:
        return None

    def reserve(self, usd: float) -> None: ...

    def keep(self, digest: str, answer: dict[str, Any], usd: float, reserved_usd: float) -> None: ...

    def release(self, reserved_usd: float) -> None: ...


def _outcome(error: BaseException | None) -> Exception | None:
    if error is not None and not isinstance(error, Exception):
        raise error
    return error


def _pause_s(state: Any) -> float:
    """What the endpoint asked for, or longer each time and at random, so that those who failed together part."""
    asked_s = getattr(state.outcome.exception(), "wait_s", None)
    if asked_s is not None:
        return float(asked_s)
    longest_s: float = min(FIRST_WAIT_S * WAIT_FACTOR ** (state.attempt_number - 1), MAX_WAIT_S)
    return longest_s * random.uniform(0.5, 1.5)


def _canonical(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def _digest(value: Any) -> str:
    return hashlib.sha256(_canonical(value)).hexdigest()
