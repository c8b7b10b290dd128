"""Chat requests that are sent until they are answered, in what the endpoint understands of them."""

import json
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from schemas.recipe import Service
from stages.backends.http_attempts import Attempts
from stages.backends.http_trouble import Refusal
from stages.backends.openai_completion import Completion, read_completion
from stages.backends.openai_http import Endpoint
from stages.backends.openai_schema import Dialect, Form


class ChatAttempts:
    """Completions of one endpoint, for many threads."""

    def __init__(self, service: Service, attempts: Attempts) -> None:
        self._service = service
        self._attempts = attempts
        self._endpoint = Endpoint(service)
        self._dialect = Dialect()

    def open(self) -> None:
        self._endpoint.open()

    def close(self) -> None:
        self._endpoint.close()

    def insist(self, request: Mapping[str, Any], form: Form | None, attempts: int, quota_s: float) -> Completion:
        """As `Attempts.insist`; a part of the request that is refused and can be done without is left out from then
        on."""
        while True:
            dialect = self._dialect
            body = dialect.body(request, form)
            try:
                return self._attempts.insist(partial(self._send, body), attempts, quota_s)
            except Refusal as refusal:
                simpler = dialect.after(str(refusal), body) if refusal.about_parameters else None
                if simpler is None:
                    raise
                self._dialect = simpler

    def _send(self, body: Mapping[str, Any]) -> Completion:
        text = self._endpoint.post(body)
        completion = read_completion(text, len(canonical(body)), self._service)
        # Scrubbed as text before, and as what the text stands for now: JSON can spell a key in many ways.
        return replace(completion, content=self._endpoint.scrub(completion.content))


def canonical(value: Any) -> bytes:
    """JSON with one spelling per value."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
