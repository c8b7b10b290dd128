"""The templates and lists in prompts/writer and prompts/judge: what a language model is asked."""

import hashlib
import tomllib
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from schemas.script import LANGUAGES, Language
from schemas.seeds import generator

Room = Literal["writer", "judge"]


class Prompts:
    """The prompts of one room. A name that a template mentions and is not given is an error, never an empty string."""

    def __init__(self, room: Room) -> None:
        self._folder = Path(str(resources.files("prompts"))) / room
        self._environment: Any = None

    @property
    def digest(self) -> str:
        """SHA-256 over names and bytes of all files of the room."""
        digest = hashlib.sha256()
        for path in sorted(path for path in self._folder.rglob("*.*") if path.is_file()):
            digest.update(path.relative_to(self._folder).as_posix().encode() + b"\0")
            digest.update(hashlib.sha256(path.read_bytes()).digest())
        return digest.hexdigest()

    def open(self) -> None:
        import jinja2

        loader = jinja2.FileSystemLoader(self._folder)
        self._environment = jinja2.Environment(loader=loader, undefined=jinja2.StrictUndefined, autoescape=False)

    def render(self, language: Language, name: str, **values: Any) -> str:
        """The text of `LANGUAGE/NAME.jinja`, filled in. Raises jinja2.UndefinedError for a value that is missing."""
        return str(self._environment.get_template(f"{language}/{name}.jinja").render(values)).strip()

    def lists(self, name: str) -> dict[Language, dict[str, list[str]]]:
        """The lists of `LANGUAGE/NAME.toml`, by language and by the list's own name."""
        return {language: _read_lists(self._folder / language / f"{name}.toml") for language in LANGUAGES}


def draw_variety(lists: Mapping[str, Sequence[str]], *seed: int | str) -> dict[str, str]:
    """One entry of each list, evenly drawn."""
    random = generator("variety", *seed)
    return {name: lists[name][int(random.integers(len(lists[name])))] for name in sorted(lists)}


def _read_lists(path: Path) -> dict[str, list[str]]:
    return tomllib.loads(path.read_text(encoding="utf-8"))
