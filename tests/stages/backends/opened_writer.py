"""The writer on a chat server, and what it wrote."""

from typing import Any

from pipelines.answers import FileAnswers
from schemas.recipe import BackendChoice, Service
from schemas.script import Script
from stages.backends.openai_writer import OpenAIWriter
from stages.backends.protocols import Paid, Written
from stages.backends.registry import load
from tests.chat_server import ChatServer


def opened(
    server: ChatServer, answers: FileAnswers | None = None, grammar: str | None = None, **changes: Any
) -> OpenAIWriter:
    """The writer with its service changed."""
    service = Service(**({"base_url": server.url, "timeout_s": 0.5, "key_variable": "TEST_KEY"} | changes))
    settings = {"model": "m"} | ({"grammar": grammar} if grammar else {})
    made = load("script", BackendChoice(name="openai", settings=settings, service=service))
    assert isinstance(made, OpenAIWriter)
    assert isinstance(made, Paid)
    if answers is not None:
        made.use(answers)
    made.open()
    return made


def written(results: list[Written | Exception]) -> list[Written]:
    assert [result for result in results if isinstance(result, Exception)] == []
    return [result for result in results if isinstance(result, Written)]


def scripts(results: list[Written | Exception]) -> list[Script]:
    return [result.script for result in written(results)]
