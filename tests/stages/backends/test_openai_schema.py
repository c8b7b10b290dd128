from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel, Field

from schemas.script import Draft
from stages.backends.openai_schema import Dialect, Form, form_of

STRICT_KEYWORDS = {
    "type", "enum", "const", "properties", "required", "additionalProperties", "items", "anyOf", "$defs", "$ref",
    "description",
}  # fmt: skip
"""What strict mode allows, of what pydantic writes."""

REQUEST = {"model": "m", "messages": [], "temperature": 1.0, "max_tokens": 9, "seed": 3}


def objects(node: Any) -> Iterator[dict[str, Any]]:
    """Every schema inside a schema, names of fields apart."""
    yield node
    for key in ("properties", "$defs"):
        for child in node.get(key, {}).values():
            yield from objects(child)
    for child in [*node.get("anyOf", []), *([node["items"]] if "items" in node else [])]:
        yield from objects(child)


def test_the_form_of_a_draft_lies_within_the_strict_subset() -> None:
    found = list(objects(form_of(Draft).schema))
    assert len(found) == 2 + 1 + 2 + 9  # the draft, its turns; one definition, its fields
    for schema in found:
        assert set(schema) <= STRICT_KEYWORDS
        if schema.get("type") == "object":
            assert schema["required"] == list(schema["properties"])
            assert schema["additionalProperties"] is False


def test_limits_are_told_in_words() -> None:
    class Sample(BaseModel):
        """For programmers."""

        share: float = Field(default=0.5, ge=0.0, le=1.0, description="a share")
        note: str | None = None

    assert form_of(Sample) == Form(
        "sample",
        {
            "type": "object",
            "properties": {
                "share": {"type": "number", "description": "a share, at most 1.0, at least 0.0"},
                "note": {"anyOf": [{"type": "string"}, {"type": "null"}]},
            },
            "required": ["share", "note"],
            "additionalProperties": False,
        },
    )


def test_a_refusal_leads_to_a_simpler_dialect() -> None:
    form = Form("f", {"type": "object"})
    first = Dialect()
    sent = first.body(REQUEST, form)
    assert sent["response_format"]["json_schema"] == {"name": "f", "strict": True, "schema": {"type": "object"}}
    second = first.after("Response_format 'json_schema' is not available", sent)
    assert second is not None
    assert second.body(REQUEST, form)["response_format"] == {"type": "json_object"}
    third = second.after("unknown field response_format", second.body(REQUEST, form))
    assert third is not None
    assert third.body(REQUEST, form) == REQUEST
    assert third.after("unknown field response_format", REQUEST) is None


def test_parameters_that_are_not_supported_are_left_out() -> None:
    renamed = Dialect().after("'max_tokens' is not supported, use 'max_completion_tokens'", REQUEST)
    assert renamed is not None
    assert renamed.body(REQUEST, None) == {
        "model": "m", "messages": [], "temperature": 1.0, "max_completion_tokens": 9, "seed": 3
    }  # fmt: skip
    cooled = Dialect().after("Unsupported value: 'temperature' does not support 0.0 with this model", REQUEST)
    assert cooled == Dialect(without=frozenset({"temperature"}))


def test_other_refusals_change_nothing() -> None:
    for refusal in ("the prompt is too long", "content policy", "temperature must be at most 2"):
        assert Dialect().after(refusal, Dialect().body(REQUEST, Form("f", {}))) is None
