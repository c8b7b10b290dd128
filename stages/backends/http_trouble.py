"""What the failure of one request to an endpoint means: who could ask again, and whose failure it is."""

import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any

from schemas.errors import OutageError
from schemas.recipe import Service
from stages.backends.http_key import Key

MAX_WAIT_S = 60.0
"""An endpoint that asks for a longer pause is asked again after this one."""

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


def judged_status(response: Any, service: Service, key: Key, absent: str) -> Exception:
    """What a status of 400 and more means, of a response of httpx2: EndpointTrouble, Refusal, or OutageError where the
    endpoint would refuse everybody. `absent`: what to check where it does not have what is asked for."""
    status = int(response.status_code)
    cause = f"HTTP {status}: {key.quote(response.text)}"
    where = service.base_url
    check = f"Check the key in the environment variable {service.key_variable}, and the account's credit"
    if status in UNPAID:
        return OutageError(f"{where} does not let us in: {cause}. {check}, then build again.")
    if status in DOUBTFUL:
        remedy = check if status == 403 else absent
        refused = "does not let us in" if status == 403 else "does not have what is asked for"
        return Refusal(cause, outage=OutageError(f"{where} {refused}: {cause}. {remedy}, then build again."))
    if status in RETRIED or status >= 500:
        return EndpointTrouble(cause, asked_wait_s(response.headers), limited=status == 429)
    return Refusal(cause, about_parameters=status in (400, 422))


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
