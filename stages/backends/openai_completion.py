"""What a chat endpoint answers, read and priced."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, Field, ValidationError
from pydantic_core import from_json

from schemas.recipe import Service
from stages.backends.http_trouble import EndpointTrouble, Refusal
from stages.backends.protocols import Usage

MAX_COUNT = 10**9
"""Nobody counts more tokens in one answer."""


@dataclass(frozen=True)
class Completion:
    """What a model said, and what it cost. `cut_off`: it reached its last token before its end."""

    content: str
    cut_off: bool
    prompt_tokens: int
    completion_tokens: int
    usd: float

    @property
    def usage(self) -> Usage:
        return Usage(1, self.prompt_tokens, self.completion_tokens, self.usd)


def read_completion(text: str, prompt_bytes: int, service: Service) -> Completion:
    """The completion in an answer's body.

    Raises EndpointTrouble if the body is no JSON or an error, and Refusal for JSON of another shape: an endpoint that
    speaks so will say the same again, and may charge for it again. Tokens that it does not count, or counts in a way
    that makes no sense, are estimated upward: one a byte.
    """
    try:
        value = from_json(text)
    except ValueError:
        raise EndpointTrouble(f"not a chat completion: {_start(text)}") from None
    if isinstance(value, dict) and value.get("error") and not value.get("choices"):
        raise EndpointTrouble(f"not a chat completion: {_start(text)}")
    try:
        envelope = _Envelope.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"])) or "answer"
        raise Refusal(f"a chat completion of another shape: {where}: {first['msg']}: {_start(text)}") from None
    choice = envelope.choices[0]
    content = choice.message.text()
    prompt = _counted(envelope.usage, "prompt_tokens", prompt_bytes)
    said = _counted(envelope.usage, "completion_tokens", len(content.encode()))
    return Completion(content, choice.finish_reason == "length", prompt, said, price_usd(service, prompt, said))


def _start(text: str) -> str:
    return " ".join(text[:1_000].split())[:80]


def _counted(usage: Any, key: str, estimate: int) -> int:
    """Some gateways count in fractions."""
    count = usage.get(key) if isinstance(usage, dict) else None
    if isinstance(count, int | float) and not isinstance(count, bool) and 0 <= count <= MAX_COUNT:
        return math.ceil(count)
    return estimate


def kept_completion(answer: Mapping[str, Any] | None) -> Completion | None:
    """A kept answer; None if there is none, or if it is not one of ours."""
    try:
        return None if answer is None else Completion(**answer)
    except TypeError:
        return None


def price_usd(service: Service, prompt_tokens: int, completion_tokens: int) -> float:
    prompt = prompt_tokens * (service.usd_per_million_prompt_tokens or 0.0)
    return (prompt + completion_tokens * (service.usd_per_million_completion_tokens or 0.0)) / 1e6


class _Part(BaseModel):
    text: str | None = None


class _Message(BaseModel):
    content: str | list[_Part] | None = None

    def text(self) -> str:
        """All that was said; parts of other sorts, such as thoughts, are left out."""
        if isinstance(self.content, list):
            return "".join(part.text or "" for part in self.content)
        return self.content or ""


class _Choice(BaseModel):
    message: _Message
    finish_reason: Any = None


class _Envelope(BaseModel):
    """The parts of a chat completion that matter here; the rest is ignored."""

    choices: list[_Choice] = Field(min_length=1)
    usage: Any = None
