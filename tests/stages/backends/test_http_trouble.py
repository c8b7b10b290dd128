import time
from email.utils import formatdate

import httpx2
import pytest

from schemas.errors import OutageError
from schemas.recipe import Service
from stages.backends.http_key import Key
from stages.backends.http_trouble import EndpointTrouble, Refusal, asked_wait_s, judged_status

SERVICE = Service(base_url="http://127.0.0.1:9", key_variable="TEST_KEY")


@pytest.mark.parametrize(
    ("status", "kind", "outage"),
    [
        (400, Refusal, None),
        (401, OutageError, None),
        (402, OutageError, None),
        (403, Refusal, "does not let us in: HTTP 403: no. Check the key in the environment variable TEST_KEY"),
        (404, Refusal, "does not have what is asked for: HTTP 404: no. Check the path, then build again."),
        (408, EndpointTrouble, None),
        (422, Refusal, None),
        (429, EndpointTrouble, None),
        (500, EndpointTrouble, None),
        (503, EndpointTrouble, None),
    ],
)
def test_what_a_status_means(status: int, kind: type[Exception], outage: str | None) -> None:
    response = httpx2.Response(status, text="no", headers={"Retry-After": "3"})
    meant = judged_status(response, SERVICE, Key(SERVICE), "Check the path")
    assert type(meant) is kind
    assert f"HTTP {status}: no" in str(meant)
    if isinstance(meant, EndpointTrouble):
        assert (meant.wait_s, meant.limited) == (3.0, status == 429)
    if isinstance(meant, Refusal):
        assert meant.about_parameters == (status in (400, 422))
        assert (outage or "") in str(meant.outage or "")
        assert (meant.outage is None) == (outage is None)


@pytest.mark.parametrize(
    ("asked", "wait_s"),
    [("2", 2.0), ("0.25", 0.25), ("3600", 60.0), ("-1", 0.0), ("nan", None), ("soon", None), ("", None)],
)
def test_how_long_to_wait(asked: str, wait_s: float | None) -> None:
    assert asked_wait_s({"retry-after": asked}) == wait_s


def test_how_long_to_wait_until_a_date() -> None:
    wait_s = asked_wait_s({"retry-after": formatdate(time.time() + 10, usegmt=True)})
    assert wait_s == pytest.approx(10, abs=1.5)
