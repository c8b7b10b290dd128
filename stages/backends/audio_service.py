"""An endpoint that answers requests with audio: what the singing and the speech over HTTP share.

408, 409, 429 and 5xx, time-outs, cut connections and bodies that are no audio are asked again, after the pause of
`Retry-After` if there is one. Other 4xx fail their request alone. Where nothing else is answered either, not even a
trial, the run stops (OutageError).
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from schemas.errors import RecipeError
from schemas.recipe import Service
from stages.backends.http_attempts import Attempts
from stages.backends.http_client import ServiceClient
from stages.backends.http_key import Key
from stages.backends.http_trouble import EndpointTrouble, judged_status

Item = TypeVar("Item")
Answer = TypeVar("Answer")
Send = Callable[[], Answer]
"""Makes one request with `post` and reads what comes; raises EndpointTrouble for what should be asked for again."""


class AudioService:
    """One endpoint, for many threads. `trial` sends the least that it can be asked for; `silent` says what it does
    where that fails ("does not say a word"), `absent` what to check where it does not have what is asked for.
    """

    def __init__(self, service: Service, trial: Send[object], silent: str, absent: str, max_bytes: int) -> None:
        self._service = service
        self._absent = absent
        self._max_bytes = max_bytes
        self._attempts = Attempts(service)
        self._requests = ServiceClient(
            service,
            self._attempts,
            lambda attempts, quota_s: self._attempts.insist(trial, attempts, quota_s),
            silent,
            "what was performed is kept",
        )
        self._key: Key | None = None
        self._client: Any = None

    def open(self) -> None:
        """Reads the key. Raises RecipeError for one that cannot be a key."""
        if self._client is None:
            from stages.backends.http_transport import BoundedClient

            self._key = Key(self._service)
            self._client = BoundedClient(self._service.timeout_s, self._max_bytes)

    def close(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None

    def probe(self) -> None:
        """Raises OutageError that names endpoint, cause and remedy if the trial fails."""
        self._requests.probe()

    def each(self, function: Callable[[Item], Answer], items: Sequence[Item]) -> list[Answer | Exception]:
        """`function` over the items, `service.concurrency` at a time; results in order, failures in their places.

        Raises OutageError for the whole batch.
        """
        return self._requests.each(function, items)

    def ask(self, send: Send[Answer]) -> Answer:
        """What `send` gives at last. Raises UnansweredError for this request alone, and OutageError for all."""
        return self._requests.answered(lambda attempts, quota_s: self._attempts.insist(send, attempts, quota_s))

    def post(self, path: str, kind: str, fits: Callable[[Any], bool], **content: Any) -> bytes:
        """The body of one answer, a `kind` ("WAV") if the response `fits`; `content` as httpx2 takes it.

        Raises EndpointTrouble, Refusal, or OutageError where the endpoint would refuse everybody.
        """
        if self._client is None or self._key is None:
            raise RuntimeError("open() comes before the first request")
        import httpx2

        headers = {"Accept": "audio/*", "Accept-Encoding": "identity"}
        if self._key.secret:
            headers["Authorization"] = f"Bearer {self._key.secret}"
        failure: Exception
        try:
            response = self._client.post(f"{self._service.base_url.rstrip('/')}{path}", headers=headers, **content)
            if response.status_code >= 400:
                failure = judged_status(response, self._service, self._key, self._absent)
            elif fits(response):
                return bytes(response.content)
            else:
                failure = EndpointTrouble(f"not {kind}: {self._key.quote(response.text[:1_000]) or 'nothing'}")
        except httpx2.TimeoutException:
            failure = EndpointTrouble(f"no whole answer within {self._service.timeout_s:g} s")
        except httpx2.InvalidURL:
            failure = RecipeError("'service.base_url' of the back end is no address: mend it in the recipe.")
        except httpx2.HTTPError as error:
            failure = EndpointTrouble(self._key.quote(f"{type(error).__name__}: {error}"))
        # Raised out here, so that no chain of causes leads back to a text that was not scrubbed.
        raise failure
