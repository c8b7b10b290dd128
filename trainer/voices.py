"""The voices that a model was trained on, saved beside it: who they are, and the vectors that stand for them."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rapidfuzz import fuzz, process

from schemas.errors import RecipeError
from schemas.script import Character
from trainer.packing import stream
from trainer.samples import CHAT_SYSTEM

FILE = "voices.json"
CLOSE_ENOUGH = 60.0
"""Least likeness, of 100, of a wanted role to a known one."""


@dataclass(frozen=True)
class Known:
    """An assistant of the corpus: its system message as the model learned it, and its speaker vector."""

    kind: str
    description: str
    system: str
    character: Character
    vector: list[float]

    @property
    def name(self) -> str:
        """The character's."""
        return self.character.name

    @property
    def language(self) -> str:
        """The character's."""
        return self.character.language

    @property
    def speaker(self) -> NDArray[np.float32]:
        """float32 [D]."""
        return np.array(self.vector, np.float32)


@dataclass(frozen=True)
class Voices:
    """All of them, in the order of the corpus."""

    known: tuple[Known, ...]

    @classmethod
    def of_corpus(cls, corpus: str, split: str = "train") -> "Voices":
        """The assistants of a split."""
        return cls(tuple({known.character.character_id: known for known in _assistants(corpus, split)}.values()))

    @classmethod
    def load(cls, folder: str | Path) -> "Voices":
        """As `save` wrote them."""
        entries = json.loads((Path(folder) / FILE).read_text("utf-8"))
        return cls(tuple(Known(**entry | {"character": Character(**entry["character"])}) for entry in entries))

    def save(self, folder: str | Path) -> None:
        """Write voices.json."""
        entries = [asdict(known) | {"character": known.character.model_dump()} for known in self.known]
        text = json.dumps(entries, ensure_ascii=False)
        (Path(folder) / FILE).write_text(text, "utf-8")

    def role(self, wanted: str) -> Known:
        """The character of that name, or whose description is most like the words. Raises RecipeError if none is."""
        for known in self.known:
            if known.name.casefold() == wanted.casefold():
                return known
        characters = [known for known in self.known if known.kind == "roleplay"]
        if not characters:
            raise RecipeError(f"--role '{wanted}': the model was trained on no role-play; train it on some.")
        texts = [f"{known.name} {known.description}" for known in characters]
        found = process.extractOne(wanted, texts, scorer=fuzz.token_set_ratio, score_cutoff=CLOSE_ENOUGH)
        if found is None:
            names = ", ".join(known.name for known in characters)
            raise RecipeError(f"--role '{wanted}': the model knows no such character; it knows: {names}.")
        return characters[found[2]]

    def first(self, language: str, kind: str = "conversation") -> Known:
        """The first voice of a language, of that kind if there is one."""
        own = [known for known in self.known if known.language == language] or list(self.known)
        return next((known for known in own if known.kind == kind), own[0])


def _assistants(corpus: str, split: str) -> Iterator[Known]:
    for row in stream(corpus, split):
        who: dict[str, Any] = row["characters"]["assistant"]
        first = row["messages"][0]
        yield Known(
            row["kind"],
            who["description"],
            first["content"] if first["role"] == "system" else CHAT_SYSTEM,
            Character(language=row["language"], **{name: who[name] for name in Character.model_fields if name in who}),
            [round(float(value), 5) for value in who["speaker_vector"]],
        )
