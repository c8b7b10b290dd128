"""A folder of voices to clone, for `voice_prompts`: vowels of different pitches."""

from pathlib import Path
from typing import Any

from schemas.script import LANGUAGES
from tests.singing_server import wav
from tests.speech_server import spoken

WORDS = {"en": "The boat leaves at noon.", "zh": "船中午出发。"}


def write_voices(root: Path, each: int = 2, languages: Any = LANGUAGES) -> Path:
    """`each` voices of each gender and language."""
    for language in languages:
        for gender in ("female", "male"):
            folder = root / language / gender
            folder.mkdir(parents=True)
            for number in range(each):
                name = f"{language}-{gender}-{number}"
                (folder / f"{name}.wav").write_bytes(wav(spoken("a" * 30, name, 0, 16_000), 16_000))
                (folder / f"{name}.txt").write_text(WORDS[language] + "\n", encoding="utf-8")
    return root
