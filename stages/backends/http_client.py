"""Batches of requests to one endpoint, and whose failure it is where one is not answered: its own, or everybody's."""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import TypeVar

from schemas.errors import CostLimitError, FolderError, OutageError, RecipeError
from schemas.recipe import Service
from stages.backends.http_attempts import Attempts
from stages.backends.http_trouble import EndpointTrouble, Refusal, UnansweredError

QUOTA_S = 600.0
"""So long a request that gets nothing but 429 is asked again, as its endpoint is alive. Then it is given up; and where
nobody was answered in that time, so is the run."""

PROBE_ATTEMPTS = 3
PROBE_QUOTA_S = 10.0

COMMON_TROUBLE = (OutageError, CostLimitError, RecipeError, FolderError)
"""No record's own: it stops the batch."""

Item = TypeVar("Item")
Result = TypeVar("Result")
Insist = Callable[[int, float], Result]
"""Sends a request until it is answered, with so many attempts and so long a patience with 429 (`Attempts.insist`)."""


class ServiceClient:
    """One endpoint, for many threads. `probe_once` asks it for the least that it can be asked for; `silent` says what
    it does where that fails ("does not answer"), `kept` what is not lost by it ("answers are kept")."""

    def __init__(
        self, service: Service, attempts: Attempts, probe_once: Insist[object], silent: str, kept: str
    ) -> None:
        self._service = service
        self._attempts = attempts
        self._probe_once = probe_once
        self._silent = silent
        self._kept = kept
        self._lock = threading.Lock()
        self._probing = threading.Lock()
        self._batches = 0

    def probe(self) -> None:
        """Raises OutageError that names endpoint, cause and remedy if there is no answer."""
        with self._lock:
            self._resume()
        try:
            self._probe_once(PROBE_ATTEMPTS, PROBE_QUOTA_S)
        except (EndpointTrouble, Refusal) as cause:
            raise self._silence(cause) from None

    def each(self, function: Callable[[Item], Result], items: Sequence[Item]) -> list[Result | Exception]:
        """`function` over the items, `service.concurrency` at a time; results in order, failures in their places.

        Trouble that is common to all is raised, after those in flight have ended.
        """
        with self._lock:
            self._resume()
            self._batches += 1
        pool = ThreadPoolExecutor(self._service.concurrency, thread_name_prefix="ask")
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

    def answered(self, insist: Insist[Result]) -> Result:
        """The answer to one request. Raises UnansweredError for this request alone, and OutageError for all."""
        cause: EndpointTrouble | Refusal
        try:
            return insist(self._service.attempts, QUOTA_S)
        except EndpointTrouble as trouble:
            cause = trouble
        except Refusal as refusal:
            cause = refusal
        except OutageError as outage:
            self._attempts.stop(outage)
            raise
        if isinstance(cause, EndpointTrouble) or cause.outage is not None:
            self._rule_out_outage(time.monotonic(), cause)
        raise UnansweredError(f"{self._service.base_url} does not answer this request: {cause}")

    def _resume(self) -> None:
        """What stopped an earlier batch is over."""
        if self._batches == 0:
            self._attempts.resume()

    def _rule_out_outage(self, failed_s: float, cause: EndpointTrouble | Refusal) -> None:
        """Raises OutageError, and stops all, if the endpoint answers nobody."""
        with self._probing:
            self._attempts.raise_if_stopped()
            outage = self._found_outage(failed_s, cause)
            if outage is not None:
                self._attempts.stop(outage)
                raise outage

    def _found_outage(self, failed_s: float, cause: EndpointTrouble | Refusal) -> OutageError | None:
        """None if others were answered since the request was given up, while this waited for their probe, or if a probe
        of its own is. That others were answered before says nothing: the endpoint may have died since."""
        answered_s = self._attempts.answered_s
        if isinstance(cause, EndpointTrouble) and cause.limited:
            return self._used_up(cause) if time.monotonic() - answered_s > QUOTA_S else None
        if answered_s >= failed_s:
            return None
        try:
            self._probe_once(PROBE_ATTEMPTS, 0.0)
        except EndpointTrouble as trouble:
            return None if trouble.limited else self._silence(trouble)
        except Refusal as refusal:
            return self._silence(refusal)
        except OutageError as outage:
            return outage
        return None

    def _silence(self, cause: EndpointTrouble | Refusal) -> OutageError:
        if isinstance(cause, Refusal) and cause.outage is not None:
            return cause.outage
        return OutageError(
            f"{self._service.base_url} {self._silent}: {cause}. Start the endpoint or mend 'service.base_url' of the "
            f"back end, then build again: {self._kept}."
        )

    def _used_up(self, cause: EndpointTrouble) -> OutageError:
        return OutageError(
            f"{self._service.base_url} has answered nobody for {QUOTA_S:g} s, the quota is used up: {cause}. Build "
            f"again when there is quota, or lower 'service.requests_per_minute' of the back end: {self._kept}."
        )


def _outcome(error: BaseException | None) -> Exception | None:
    if error is not None and not isinstance(error, Exception):
        raise error
    return error
