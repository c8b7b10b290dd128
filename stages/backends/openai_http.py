"""One request to an OpenAI-compatible endpoint, and what its failure means. Nothing is retried here.

The key leaves this module in no text and in no exception.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from schemas.errors import RecipeError
from schemas.recipe import Service
from stages.backends.http_key import Key
from stages.backends.http_trouble import EndpointTrouble, judged_status

PLACEHOLDER = "none"
"""Sent to endpoints that need no key."""

MAX_ANSWER_BYTES = 1_000_000


class Endpoint:
    """The endpoint of a service; threads may share it."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self._key: Key | None = None
        self._client: Any = None

    def open(self) -> None:
        """Reads the key. Raises RecipeError that names its variable if it holds none where OpenAI itself is asked, or
        something that cannot be one."""
        if self._client is not None:
            return
        from stages.backends.http_transport import BoundedClient

        self._key = Key(self.service)
        host = urlsplit(self.service.base_url).hostname or ""
        if not self._key.secret and (host == "openai.com" or host.endswith(".openai.com")):
            variable = self.service.key_variable
            raise RecipeError(
                f"{self.service.base_url} needs a key, and the environment variable {variable} that "
                f"'service.key_variable' names is not set: export {variable}, or name another endpoint in "
                "'service.base_url'."
            )
        self._client = self._connect(BoundedClient(self.service.timeout_s, MAX_ANSWER_BYTES), self._key)

    def _connect(self, http_client: Any, key: Key) -> Any:
        import httpx2
        import openai

        try:
            return openai.OpenAI(
                base_url=self.service.base_url,
                api_key=key.secret or PLACEHOLDER,
                max_retries=0,  # retries are http_attempts' alone
                timeout=self.service.timeout_s,
                http_client=http_client,
            )
        except httpx2.InvalidURL:
            raise RecipeError("'service.base_url' of the back end is no address: mend it in the recipe.") from None

    def close(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None

    def post(self, body: Mapping[str, Any]) -> str:
        """The text of the answer's body, scrubbed.

        Raises EndpointTrouble, Refusal, or OutageError where the endpoint would refuse everybody.
        """
        if self._client is None or self._key is None:
            raise RuntimeError("open() comes before the first request")
        import openai

        failure: Exception
        try:
            raw = self._client.chat.completions.with_raw_response.create(
                **body, extra_headers={"Accept-Encoding": "identity"}
            )
            return self.scrub(raw.http_response.content.decode("utf-8", "replace"))
        except openai.APIStatusError as error:
            absent = "Check 'settings.model' and 'service.base_url' of the back end"
            failure = judged_status(error.response, self.service, self._key, absent)
        except openai.APITimeoutError:
            failure = EndpointTrouble(f"no whole answer within {self.service.timeout_s:g} s")
        except openai.APIConnectionError as error:
            failure = EndpointTrouble(self._key.quote(f"{type(error.__cause__).__name__}: {error.__cause__ or error}"))
        # Raised out here, so that no chain of causes leads back to a text that was not scrubbed.
        raise failure

    def scrub(self, text: str) -> str:
        """The text without the key."""
        return self._key.scrub(text) if self._key is not None else text
