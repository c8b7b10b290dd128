"""One request to an OpenAI-compatible endpoint, and what its failure means. Nothing is retried here.

The key is read from the environment, is sent, and is scrubbed from all that comes back: it leaves this module in no
text and in no exception.
"""

import os
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from schemas.errors import OutageError, RecipeError
from schemas.recipe import Service

MAX_WAIT_S = 60.0
"""An endpoint that asks for a longer pause is asked again after this one."""

PLACEHOLDER = "none"
"""Sent to endpoints that need no key."""

SECRET_CHARACTERS = 8
"""A shorter key is somebody's placeholder, and may be a word of any text: it is scrubbed as part of its header only."""

QUOTED_CHARACTERS = 200
RETRIED = (408, 409, 429)
UNPAID = (401, 402, 403)


class EndpointTrouble(Exception):
    """Nothing usable came back: may be better the next time. `wait_s` is the pause the endpoint asked for."""

    def __init__(self, cause: str, wait_s: float | None = None, limited: bool = False) -> None:
        super().__init__(cause)
        self.wait_s = wait_s
        self.limited = limited


class Refusal(Exception):
    """The endpoint is well and refuses this request; asking again changes nothing."""

    def __init__(self, cause: str, about_parameters: bool = False) -> None:
        super().__init__(cause)
        self.about_parameters = about_parameters


class Endpoint:
    """The endpoint of a service; threads may share it."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self._key = ""
        self._client: Any = None

    def open(self) -> None:
        """Reads the key. Raises RecipeError that names its variable if it holds none where OpenAI itself is asked, or
        something that cannot be one."""
        if self._client is not None:
            return
        import openai

        from stages.backends.openai_transport import bounded_client

        self._key = os.environ.get(self.service.key_variable, "").strip()
        host = urlsplit(self.service.base_url).hostname or ""
        if not self._key and (host == "openai.com" or host.endswith(".openai.com")):
            variable = self.service.key_variable
            raise RecipeError(
                f"{self.service.base_url} needs a key, and the environment variable {variable} that "
                f"'service.key_variable' names is not set: export {variable}, or name another endpoint in "
                "'service.base_url'."
            )
        if not (self._key.isascii() and self._key.isprintable()) or " " in self._key:
            raise RecipeError(
                f"The environment variable {self.service.key_variable} holds no key: keys are ASCII without spaces. "
                "Export the key alone."
            )
        self._client = openai.OpenAI(
            base_url=self.service.base_url,
            api_key=self._key or PLACEHOLDER,
            max_retries=0,  # retries are openai_chat's alone
            timeout=self.service.timeout_s,
            http_client=bounded_client(self.service.timeout_s, self.service.concurrency),
        )

    def close(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None

    def post(self, body: Mapping[str, Any]) -> str:
        """The text of the answer's body, scrubbed.

        Raises EndpointTrouble, Refusal, or OutageError where the endpoint would refuse everybody.
        """
        if self._client is None:
            raise RuntimeError("open() comes before the first request")
        import openai

        failure: Exception
        try:
            raw = self._client.chat.completions.with_raw_response.create(
                **body, extra_headers={"Accept-Encoding": "identity"}
            )
            return self._scrub(raw.http_response.content.decode("utf-8", "replace"))
        except openai.APIStatusError as error:
            failure = self._judge_status(error.response)
        except openai.APITimeoutError:
            failure = EndpointTrouble(f"no whole answer within {self.service.timeout_s:g} s")
        except openai.APIConnectionError as error:
            failure = EndpointTrouble(self._quote(f"{type(error.__cause__).__name__}: {error.__cause__ or error}"))
        # Raised out here, so that no chain of causes leads back to a text that was not scrubbed.
        raise failure

    def _judge_status(self, response: Any) -> Exception:
        status = int(response.status_code)
        cause = f"HTTP {status}: {self._quote(response.text)}"
        where = self.service.base_url
        if status in UNPAID:
            remedy = f"Check the key in the environment variable {self.service.key_variable}, and the account's credit"
            return OutageError(f"{where} does not let us in: {cause}. {remedy}, then build again.")
        if status == 404:
            remedy = "Check 'settings.model' and 'service.base_url' of the back end"
            return OutageError(f"{where} does not have what is asked for: {cause}. {remedy}, then build again.")
        if status in RETRIED or status >= 500:
            return EndpointTrouble(cause, asked_wait_s(response.headers), limited=status == 429)
        return Refusal(cause, about_parameters=status in (400, 422))

    def _scrub(self, text: str) -> str:
        if len(self._key) >= SECRET_CHARACTERS:
            return text.replace(self._key, "[key]")
        return text.replace(f"Bearer {self._key}", "Bearer [key]") if self._key else text

    def _quote(self, text: str) -> str:
        """Scrubbed before it is cut, so that no half of the key is left; one line."""
        return " ".join(self._scrub(text).split())[:QUOTED_CHARACTERS]


def asked_wait_s(headers: Mapping[str, str]) -> float | None:
    """The pause that `retry-after` asks for (seconds, or a date), at most MAX_WAIT_S; None if it asks for none."""
    asked = headers.get("retry-after", "")
    try:
        seconds = float(asked)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(asked).timestamp() - time.time()
        except (ValueError, OverflowError):
            return None
    return min(max(seconds, 0.0), MAX_WAIT_S) if seconds == seconds else None  # nan
