"""The tags that SenseVoice writes before what it hears: `<|zh|><|HAPPY|><|Speech|><|woitn|>你好`."""

import re
from dataclasses import dataclass

TAG = re.compile(r"<\|([^<>|]*)\|>")
LANGUAGES = ("zh", "en", "yue", "ja", "ko", "nospeech")
WRITING = ("withitn", "woitn")
"""How it was asked to write numbers: nothing that was heard."""


@dataclass(frozen=True)
class Tagged:
    """A text without its tags, and what they say: language, emotion and event, each once, in the order heard."""

    text: str
    tags: tuple[str, ...]

    @property
    def language(self) -> str | None:
        """The first tag that is a language; None of a model that gives none."""
        return next((tag for tag in self.tags if tag in LANGUAGES), None)


def parse_tags(text: str) -> Tagged:
    """Any tag is taken, also one that no list names: newer models have more."""
    tags = dict.fromkeys(tag.strip() for tag in TAG.findall(text))
    return Tagged(TAG.sub(" ", text).strip(), tuple(tag for tag in tags if tag and tag not in WRITING))
