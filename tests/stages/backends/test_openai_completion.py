import json
from typing import Any

import pytest

from schemas.recipe import Service
from stages.backends.http_trouble import EndpointTrouble, Refusal
from stages.backends.openai_completion import Completion, kept_completion, read_completion

SERVICE = Service(usd_per_million_prompt_tokens=2.0, usd_per_million_completion_tokens=10.0)


def envelope(content: Any, finish_reason: str | None = "stop", **more: Any) -> str:
    return json.dumps({"choices": [{"message": {"content": content}, "finish_reason": finish_reason}]} | more)


@pytest.mark.parametrize(
    ("text", "completion"),
    [
        (
            envelope("yes", usage={"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}),
            Completion("yes", False, 100, 10, 0.0003),
        ),
        (envelope("说", "length"), Completion("说", True, 50, 3, 0.00013)),
        (envelope("yes", None, usage=None), Completion("yes", False, 50, 3, 0.00013)),
        (
            envelope("yes", usage={"prompt_tokens": 9.25, "completion_tokens": 2.0}),
            Completion("yes", False, 10, 2, 4e-5),
        ),
        (
            envelope("yes", usage={"prompt_tokens": -1, "completion_tokens": 1e300}),
            Completion("yes", False, 50, 3, 0.00013),
        ),
        (envelope("yes", usage=["?"]), Completion("yes", False, 50, 3, 0.00013)),
        (
            envelope([{"type": "text", "text": "y"}, {"type": "image"}, {"text": "es"}]),
            Completion("yes", False, 50, 3, 0.00013),
        ),
        (envelope(None, "content_filter", usage={"prompt_tokens": 5}), Completion("", False, 5, 0, 0.00001)),
    ],
)
def test_a_completion_is_read_and_priced(text: str, completion: Completion) -> None:
    read = read_completion(text, 50, SERVICE)
    assert (read.content, read.cut_off, read.usage.requests) == (completion.content, completion.cut_off, 1)
    assert (read.prompt_tokens, read.completion_tokens) == (completion.prompt_tokens, completion.completion_tokens)
    assert read.usd == pytest.approx(completion.usd)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<html>oh\nno</html>",
        '{"error": {"message": "overloaded"}}',
        '{"choices": [], "error": "overloaded"}',
        envelope("x")[:-5],
        "[" * 100_000,
    ],
)
def test_what_is_no_completion_is_trouble(text: str) -> None:
    with pytest.raises(EndpointTrouble, match=r"^not a chat completion: ") as caught:
        read_completion(text, 50, SERVICE)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 120


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("[]", "answer: Input should be a valid dictionary"),
        ('{"choices": []}', "choices: List should have at least 1 item"),
        (envelope(3), "choices.0.message.content.str: Input should be a valid string"),
        (envelope([[1]]), "choices.0.message.content.str: Input should be a valid string"),
        ('{"choices": [{"delta": {}}]}', "choices.0.message: Field required"),
    ],
)
def test_json_of_another_shape_is_refused_and_named(text: str, cause: str) -> None:
    with pytest.raises(Refusal) as caught:
        read_completion(text, 50, SERVICE)
    assert str(caught.value).startswith(f"a chat completion of another shape: {cause}")
    assert str(caught.value).endswith(f": {text}")


def test_only_answers_of_ours_are_taken_for_kept() -> None:
    kept = {"content": "x", "cut_off": False, "prompt_tokens": 1, "completion_tokens": 2, "usd": 0.5}
    assert kept_completion(kept) == Completion("x", False, 1, 2, 0.5)
    assert kept_completion({"content": "x"}) is None
    assert kept_completion(kept | {"more": 1}) is None
    assert kept_completion(None) is None
