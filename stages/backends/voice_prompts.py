"""Voices to clone: a folder of clips with what is said in them, of your own or of a licence that allows it.

    PROMPTS/en/female/anna.wav     one speaker, one channel, MIN_S to MAX_S long
    PROMPTS/en/female/anna.txt     the words, as they are said
    PROMPTS/zh/male/…

Each language has both genders, and each of them two voices at least, one for users and one for assistants.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from schemas.errors import RecipeError
from schemas.script import LANGUAGES, Character, Gender
from stages.backends.served_audio import is_wav, read_audio
from stages.backends.voice_sides import shared_out

MIN_S, MAX_S = 1.0, 30.0
"""CosyVoice refuses prompts of more than 30 s; in less than one second there is no voice."""


@dataclass(frozen=True)
class Prompt:
    """A clip of one speaker, as a WAV, and its words. `name` is its place: "en/female/anna"."""

    name: str
    wav: bytes
    text: str


class VoicePrompts:
    """The clips of a folder, in memory."""

    def __init__(self, folder: Any) -> None:
        """Raises RecipeError that names the file that is missing or wrong."""
        if not isinstance(folder, str) or not folder or not Path(folder).is_dir():
            raise RecipeError("'settings.prompts' of the speech back end is no folder: name one with voices to clone.")
        self._root = Path(folder)
        self._prompts = {
            (language, gender): [self._read(path) for path in sorted((self._root / language / gender).glob("*.wav"))]
            for language in LANGUAGES
            if (self._root / language).is_dir()
            for gender in get_args(Gender)
        }
        for place, prompts in self._prompts.items():
            if len(prompts) < 2:
                raise RecipeError(
                    f"{self._root.joinpath(*place)}: {len(prompts)} voices; a user and an assistant need two at least, "
                    "each a .wav with a .txt of its words."
                )

    @property
    def fingerprint(self) -> str:
        """Digest of all clips and words."""
        digest = hashlib.sha256()
        for prompts in self._prompts.values():
            for prompt in prompts:
                for part in (prompt.name.encode(), prompt.wav, prompt.text.encode()):
                    digest.update(len(part).to_bytes(8, "big") + part)
        return digest.hexdigest()

    def of(self, character: Character) -> Prompt:
        """The character's. Raises RecipeError where the folder has none of its language."""
        known = self._prompts.get((character.language, character.gender))
        if known is None:
            raise RecipeError(
                f"{self._root}: no voices of '{character.language}' to clone for {character.character_id}: add them in "
                f"{self._root / character.language / character.gender}."
            )
        return shared_out(known, character)

    def first(self) -> Prompt:
        """Any of them, for a trial. Raises RecipeError for a folder without voices."""
        for prompts in self._prompts.values():
            return prompts[0]
        raise RecipeError(f"{self._root}: no voices to clone; put them in {self._root / 'en' / 'female'} and so on.")

    def _read(self, path: Path) -> Prompt:
        wav, words = path.read_bytes(), path.with_suffix(".txt")
        if not words.is_file() or not (text := words.read_text(encoding="utf-8").strip()):
            raise RecipeError(f"{words}: missing or empty; write down what {path.name} says.")
        try:
            if not is_wav(wav):
                raise ValueError("it is no WAV")
            samples, rate_hz = read_audio(wav)
        except ValueError as error:
            raise RecipeError(f"{path}: {error}.") from error
        if not MIN_S <= (seconds := len(samples) / rate_hz) <= MAX_S:
            raise RecipeError(f"{path}: {seconds:.1f} s long, outside {MIN_S:g} to {MAX_S:g} s.")
        return Prompt(path.relative_to(self._root).with_suffix("").as_posix(), wav, text)
