"""Reading what a language model was asked to answer as JSON, and asking it to mend what cannot be read."""

import re
from collections.abc import Callable, Sequence
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from stages.backends.openai_chat import ChatClient, Message
from stages.backends.openai_completion import Completion
from stages.backends.openai_schema import Form
from stages.backends.protocols import Usage

QUOTED_ANSWER = 2_000
"""Characters of an unfit answer that are shown to the model again."""

QUOTED_PROBLEM = 500
LISTED_PROBLEMS = 5

Model = TypeVar("Model", bound=BaseModel)
Result = TypeVar("Result")


def read_reply(completion: Completion, model: type[Model]) -> Model:
    """The JSON object in an answer, with or without a code fence, thoughts or prose around it.

    Raises ValueError that says what is wrong, in words that the language model can act on.
    """
    text = completion.content.rpartition("</think>")[2]
    cut_off = " (the answer was cut off: write less)" if completion.cut_off else ""
    start, end = text.find("{"), text.rfind("}")
    if start < 0 or end < start:
        raise ValueError(f"it holds no JSON object{cut_off}")
    try:
        return model.model_validate_json(text[start : end + 1])
    except ValidationError as error:
        raise ValueError(_explain(error) + cut_off) from None


def ask_twice(
    client: ChatClient,
    messages: Sequence[Message],
    form: Form,
    seed: int,
    read: Callable[[Completion], Result],
    mend: Callable[[str], str],
    complaint: Callable[[Result], str | None] = lambda result: None,
) -> tuple[Result, Usage]:
    """What `read` makes of the answer, and the cost. Where it raises ValueError, or there is a complaint about what it
    made, the model is asked once more, with `mend(problem)`; of that answer only what cannot be read is refused.

    Raises ValueError that says why the second answer cannot be read; then both are disowned.
    """
    first = client.ask(messages, form, seed)
    try:
        result = read(first)
        problem = complaint(result)
    except ValueError as error:
        problem = str(error)
    if problem is None:
        return result, first.usage
    again = mended(messages, first, mend(short(problem)))
    second = client.ask(again, form, seed)
    try:
        return read(second), first.usage + second.usage
    except ValueError as error:
        for unfit in (messages, again):
            client.disown(unfit, form, seed)
        raise ValueError(short(error)) from None


def mended(messages: Sequence[Message], completion: Completion, request: str) -> list[Message]:
    """The conversation so far, continued with the unfit answer, cut short, and the request to mend it."""
    answer = completion.content[:QUOTED_ANSWER] or "(nothing)"
    return [*messages, {"role": "assistant", "content": answer}, {"role": "user", "content": request}]


def short(problem: object) -> str:
    """One line, short enough to be quoted."""
    return re.sub(r"\s+", " ", str(problem)).strip()[:QUOTED_PROBLEM]


def _explain(error: ValidationError) -> str:
    found = error.errors(include_url=False, include_context=False, include_input=False)
    named = [f"{'.'.join(map(str, item['loc'])) or 'JSON'}: {item['msg']}" for item in found]
    more = f"; and {len(named) - LISTED_PROBLEMS} more" if len(named) > LISTED_PROBLEMS else ""
    return "; ".join(named[:LISTED_PROBLEMS]) + more
