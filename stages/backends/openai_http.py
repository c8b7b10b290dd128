"""One request to an OpenAI-compatible endpoint, and what its failure means. Nothing is retried here.

The key is read from the environment, is sent, and is scrubbed from all that comes back, also where JSON escapes
disguise it: it leaves this module in no text and in no exception.
"""

import os
import re
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
UNPAID = (401, 402)
DOUBTFUL = (403, 404)
"""No entry for the key, no such model; or a gateway that does not like these words."""


class EndpointTrouble(Exception):
    """Nothing usable came back: may be better the next time. `wait_s` is the pause the endpoint asked for."""

    def __init__(self, cause: str, wait_s: float | None = None, limited: bool = False) -> None:
        super().__init__(cause)
        self.wait_s = wait_s
        self.limited = limited


class Refusal(Exception):
    """The endpoint is well and refuses this request; asking again changes nothing.

    `outage`: what it means if the endpoint refuses everybody so.
    """

    def __init__(self, cause: str, about_parameters: bool = False, outage: OutageError | None = None) -> None:
        super().__init__(cause)
        self.about_parameters = about_parameters
        self.outage = outage


class UnansweredError(Exception):
    """This request was not answered, while the endpoint answers others."""


class Endpoint:
    """The endpoint of a service; threads may share it."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self._key = ""
        self._spelled: re.Pattern[str] | None = None
        self._client: Any = None

    def open(self) -> None:
        """Reads the key. Raises RecipeError that names its variable if it holds none where OpenAI itself is asked, or
        something that cannot be one."""
        if self._client is not None:
            return
        from stages.backends.openai_transport import BoundedClient

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
        self._spelled = _spellings(self._key) if self._key else None
        self._client = self._connect(BoundedClient(self.service.timeout_s))

    def _connect(self, http_client: Any) -> Any:
        import httpx2
        import openai

        try:
            return openai.OpenAI(
                base_url=self.service.base_url,
                api_key=self._key or PLACEHOLDER,
                max_retries=0,  # retries are openai_attempts' alone
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
        if self._client is None:
            raise RuntimeError("open() comes before the first request")
        import openai

        failure: Exception
        try:
            raw = self._client.chat.completions.with_raw_response.create(
                **body, extra_headers={"Accept-Encoding": "identity"}
            )
            return self.scrub(raw.http_response.content.decode("utf-8", "replace"))
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
        key = f"Check the key in the environment variable {self.service.key_variable}, and the account's credit"
        if status in UNPAID:
            return OutageError(f"{where} does not let us in: {cause}. {key}, then build again.")
        if status in DOUBTFUL:
            remedy = key if status == 403 else "Check 'settings.model' and 'service.base_url' of the back end"
            refused = "does not let us in" if status == 403 else "does not have what is asked for"
            return Refusal(cause, outage=OutageError(f"{where} {refused}: {cause}. {remedy}, then build again."))
        if status in RETRIED or status >= 500:
            return EndpointTrouble(cause, asked_wait_s(response.headers), limited=status == 429)
        return Refusal(cause, about_parameters=status in (400, 422))

    def scrub(self, text: str) -> str:
        """The text without the key, however JSON may have spelled it, inside a text inside JSON as well."""
        if self._spelled is None:
            return text
        return self._spelled.sub("[key]" if len(self._key) >= SECRET_CHARACTERS else "Bearer [key]", text)

    def _quote(self, text: str) -> str:
        """Scrubbed before it is cut, so that no half of the key is left; one line."""
        return " ".join(self.scrub(text).split())[:QUOTED_CHARACTERS]


def _spellings(key: str) -> re.Pattern[str]:
    """Each character as it is, behind a backslash or some, or as \\u and its number."""
    secret = key if len(key) >= SECRET_CHARACTERS else f"Bearer {key}"
    return re.compile("".join(rf"\\{{0,8}}(?:{re.escape(c)}|(?<=\\)(?i:u{ord(c):04x}))" for c in secret))


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
