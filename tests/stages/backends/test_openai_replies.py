import re

import pytest
from pydantic import BaseModel, Field

from stages.backends.openai_completion import Completion
from stages.backends.openai_replies import QUOTED_ANSWER, mended, read_reply, short


class Note(BaseModel):
    score: float = Field(le=1.0)
    words: tuple[str, ...] = ()


def said(content: str, cut_off: bool = False) -> Completion:
    return Completion(content, cut_off, 1, 1, 0.0)


@pytest.mark.parametrize(
    "content",
    [
        '{"score": 0.5}',
        ' \n{"score": 0.5}\n',
        '```json\n{"score": 0.5}\n```',
        'Sure! Here it is:\n```\n{"score": 0.5}\n```\nAnything else?',
        '<think>perhaps {"score": 0.1}?</think>\n{"score": 0.5}',
    ],
)
def test_json_is_found_in_what_surrounds_it(content: str) -> None:
    assert read_reply(said(content), Note) == Note(score=0.5)


@pytest.mark.parametrize(
    ("content", "cut_off", "problem"),
    [
        ("I am sorry.", False, "it holds no JSON object"),
        ("", True, "it holds no JSON object (the answer was cut off: write less)"),
        ('{"score": 2}', False, "score: Input should be less than or equal to 1"),
        ('{"score": 1, "words": "x"}', False, "words: Input should be a valid array"),
        ("{}", False, "score: Field required"),
    ],
)
def test_what_cannot_be_read_is_explained(content: str, cut_off: bool, problem: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(problem)}$"):
        read_reply(said(content, cut_off), Note)


def test_many_problems_are_counted() -> None:
    with pytest.raises(ValueError, match=r"words\.4: Input should be a valid string; and 3 more$"):
        read_reply(said('{"score": 0.1, "words": [1, 2, 3, 4, 5, 6, 7, 8]}'), Note)


def test_the_unfit_answer_is_shown_again_but_not_at_length() -> None:
    first = [{"role": "user", "content": "write"}]
    assert mended(first, said("x" * 100_000), "mend it") == [
        {"role": "user", "content": "write"},
        {"role": "assistant", "content": "x" * QUOTED_ANSWER},
        {"role": "user", "content": "mend it"},
    ]
    assert mended(first, said(""), "mend it")[1] == {"role": "assistant", "content": "(nothing)"}


def test_a_problem_is_quoted_in_one_short_line() -> None:
    assert short(ValueError("a\n  b")) == "a b"
    assert len(short("x" * 10_000)) == 500
