"""What a chat endpoint answers, read and priced."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, Field, ValidationError

from schemas.recipe import Service
from stages.backends.openai_http import EndpointTrouble
from stages.backends.protocols import Usage


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
    """The completion in an answer's body. Raises EndpointTrouble if it is none.

    Tokens that the endpoint does not count are estimated upward: one a byte.
    """
    try:
        envelope = _Envelope.model_validate_json(text)
    except ValidationError:
        raise EndpointTrouble(f"not a chat completion: {' '.join(text.split())[:80]}") from None
    choice, counted = envelope.choices[0], envelope.usage or _Tokens()
    content = choice.message.content or ""
    prompt = prompt_bytes if counted.prompt_tokens is None else counted.prompt_tokens
    said = len(content.encode()) if counted.completion_tokens is None else counted.completion_tokens
    return Completion(content, choice.finish_reason == "length", prompt, said, price_usd(service, prompt, said))


def kept_completion(answer: Mapping[str, Any] | None) -> Completion | None:
    """A kept answer; None if there is none, or if it is not one of ours."""
    try:
        return None if answer is None else Completion(**answer)
    except TypeError:
        return None


def price_usd(service: Service, prompt_tokens: int, completion_tokens: int) -> float:
    prompt = prompt_tokens * service.usd_per_million_prompt_tokens
    return (prompt + completion_tokens * service.usd_per_million_completion_tokens) / 1e6


class _Message(BaseModel):
    content: str | None = None


class _Choice(BaseModel):
    message: _Message
    finish_reason: str | None = None


class _Tokens(BaseModel):
    prompt_tokens: int | None = Field(default=None, ge=0)
    completion_tokens: int | None = Field(default=None, ge=0)


class _Envelope(BaseModel):
    """The parts of a chat completion that matter here; the rest is ignored."""

    choices: list[_Choice] = Field(min_length=1)
    usage: _Tokens | None = None
