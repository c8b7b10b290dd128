import pytest

from schemas.recipe import Service
from schemas.roleplay import Staging
from stages.backends.openai_chat import ChatClient, Message
from stages.backends.openai_prompts import Prompts
from stages.backends.openai_question import Question
from tests.chat_server import ChatServer

MESSAGES: list[Message] = [
    {"role": "system", "content": 'Answer with {"arc": []}.'},
    {"role": "user", "content": "A scene for 3 turns."},
]


@pytest.fixture
def question(server: ChatServer) -> Question[Staging]:
    client = ChatClient("m", 1.0, 4096, Service(base_url=server.url, timeout_s=2.0, attempts=2))
    prompts = Prompts("writer")
    prompts.open()
    client.open()
    return Question("staging", Staging, client, prompts)


def test_the_answer_is_what_is_made_of_it(server: ChatServer, question: Question[Staging]) -> None:
    place, usage = question.ask("en", MESSAGES, 7, lambda staging: staging.place)
    assert place.startswith("a yard with a ")
    assert usage.requests == 1
    assert (server.bodies[0]["messages"], server.bodies[0]["seed"]) == (MESSAGES, 7)
    assert server.bodies[0]["response_format"]["json_schema"]["name"] == "staging"


def test_a_complaint_is_heard_once(server: ChatServer, question: Question[Staging]) -> None:
    place, usage = question.ask("en", MESSAGES, 7, lambda staging: staging.place, lambda place: "too dull")
    assert place.startswith("a yard with a ")
    assert usage.requests == 2
    assert server.bodies[1]["messages"][3]["content"].startswith("This scene cannot be used: too dull\n")


def test_what_is_refused_twice_is_no_result(server: ChatServer, question: Question[Staging]) -> None:
    def refuse(staging: Staging) -> None:
        raise ValueError(f"no {staging.user_calls} here")

    with pytest.raises(
        ValueError, match=r"^two answers of m to 'staging' cannot be read; the second: no neighbor here$"
    ):
        question.ask("en", MESSAGES, 7, refuse)
    assert server.counts["requests"] == 2


def test_the_mending_is_asked_for_in_the_language(server: ChatServer, question: Question[Staging]) -> None:
    server.faults.forced = ["schema"]
    question.ask("zh", MESSAGES, 7, lambda staging: staging.place)
    assert server.bodies[1]["messages"][3]["content"].startswith("这场戏用不了：place: Field required")
