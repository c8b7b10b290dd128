"""What is asked of an OpenAI-compatible endpoint besides the words, and how much of it the endpoint understands."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from pydantic import BaseModel

UNKNOWN_TO_STRICT = {
    "minimum": "at least {}",
    "maximum": "at most {}",
    "exclusiveMinimum": "more than {}",
    "exclusiveMaximum": "less than {}",
    "multipleOf": "a multiple of {}",
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "pattern": "matching {}",
    "minItems": "at least {} items",
    "maxItems": "at most {} items",
}
"""Keywords of JSON schema that some strict mode refuses; the model is told of them in the description instead."""

FORMATS = ("json_schema", "json_object", "text")
"""What an endpoint may be asked to answer in, the strictest first."""


@dataclass(frozen=True)
class Form:
    """The shape of an answer: a name, and a strict JSON schema."""

    name: str
    schema: Mapping[str, Any]


def form_of(model: type[BaseModel]) -> Form:
    """The strict form of a pydantic model: all fields required, no others allowed, no defaults, limits or docstrings.

    The limits are checked on arrival, by the model itself.
    """
    return Form(model.__name__.strip("_").lower(), _strict(model.model_json_schema()))


def _strict(node: Mapping[str, Any]) -> dict[str, Any]:
    strict: dict[str, Any] = {}
    limits = []
    for key, value in node.items():
        if key in UNKNOWN_TO_STRICT:
            limits.append(UNKNOWN_TO_STRICT[key].format(value))
        elif key in ("properties", "$defs"):
            strict[key] = {name: _strict(child) for name, child in value.items()}
        elif key == "items":
            strict[key] = _strict(value)
        elif key == "anyOf":
            strict[key] = [_strict(child) for child in value]
        elif key not in ("default", "title"):
            strict[key] = value
    if limits:
        strict["description"] = ", ".join([*filter(None, [strict.get("description")]), *limits])
    if "properties" in strict:
        strict["required"] = list(strict["properties"])
        strict["additionalProperties"] = False
        strict.pop("description", None)  # the docstring, which speaks to programmers
    return strict


@dataclass(frozen=True)
class Dialect:
    """What an endpoint understands of a request; learned from its refusals, as there is no way to ask."""

    format: str = FORMATS[0]
    tokens_key: str = "max_tokens"
    without: frozenset[str] = frozenset()

    def body(self, request: Mapping[str, Any], form: Form | None) -> dict[str, Any]:
        """The request in this dialect; no form: the answer may be any text."""
        body = {key: value for key, value in request.items() if key not in self.without}
        body[self.tokens_key] = body.pop("max_tokens")
        if form is not None and self.format == "json_schema":
            described = {"name": form.name, "strict": True, "schema": dict(form.schema)}
            body["response_format"] = {"type": "json_schema", "json_schema": described}
        elif form is not None and self.format == "json_object":
            body["response_format"] = {"type": "json_object"}
        return body

    def after(self, refusal: str, sent: Mapping[str, Any]) -> "Dialect | None":
        """A simpler dialect, where the refusal (400, 422) names a part of what was sent that can be done without."""
        said = refusal.lower()
        if "response_format" in sent and any(
            word in said for word in ("response_format", "json_schema", "json_object")
        ):
            return replace(self, format=FORMATS[FORMATS.index(self.format) + 1])
        if "max_tokens" in sent and "max_completion_tokens" in said:
            return replace(self, tokens_key="max_completion_tokens")
        if "support" in said or "unknown" in said or "unrecognized" in said:
            for key in ("temperature", "seed"):
                if key in sent and key in said:
                    return replace(self, without=self.without | {key})
        return None
