"""Another recognizer for every language: `en = {name = "whisper", settings = {...}}`, `zh = {name = "funasr", …}`."""

import hashlib
from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError

from schemas.errors import RecipeError
from schemas.recipe import BackendChoice
from schemas.script import Language
from schemas.take import Samples
from stages.backends import registry
from stages.backends.protocols import Hearing, Transcriber

Choice = dict[str, Any] | str


class ByLanguageTranscriber:
    """Transcriber that gives each clip to the back end named for its language. The batch of each keeps its order."""

    name = "by-language"

    def __init__(self, en: Choice | None = None, zh: Choice | None = None) -> None:
        """`{name, settings}` of a registered transcriber, or its name alone. Raises RecipeError for anything else, and
        where no language has one."""
        given: dict[Language, Choice | None] = {"en": en, "zh": zh}
        self._ears: dict[Language, Transcriber] = {
            language: _loaded(language, choice) for language, choice in given.items() if choice is not None
        }
        if not self._ears:
            raise RecipeError("backends.transcription.settings: 'by-language' names no back end: set 'en' or 'zh'.")

    @property
    def fingerprint(self) -> str:
        """Digest of all of theirs."""
        prints = [f"{language} {ears.name} {ears.fingerprint}" for language, ears in sorted(self._ears.items())]
        return hashlib.sha256("\n".join(prints).encode()).hexdigest()

    def open(self) -> None:
        for ears in self._ears.values():
            ears.open()

    def close(self) -> None:
        for ears in self._ears.values():
            ears.close()

    def transcribe(
        self, clips: Sequence[Samples], texts: Sequence[str], languages: Sequence[Language], sung: Sequence[bool] = ()
    ) -> list[Hearing]:
        """Raises RecipeError for a language without a back end."""
        for language in languages:
            if language not in self._ears:
                raise RecipeError(
                    f"backends.transcription.settings: 'by-language' names no back end for '{language}': add one."
                )
        hearings: dict[int, Hearing] = {}
        for language, ears in self._ears.items():
            places = [place for place, spoken in enumerate(languages) if spoken == language]
            if places:
                heard = ears.transcribe(
                    [clips[place] for place in places],
                    [texts[place] for place in places],
                    [languages[place] for place in places],
                    [sung[place] for place in places] if sung else (),
                )
                hearings |= dict(zip(places, heard, strict=True))
        return [hearings[place] for place in range(len(clips))]


def _loaded(language: str, choice: Choice) -> Transcriber:
    place = f"backends.transcription.settings.{language}"
    try:
        chosen = BackendChoice.model_validate({"name": choice} if isinstance(choice, str) else choice)
    except ValidationError as error:
        raise RecipeError(f'{place}: {choice!r} is no back end; write {{name = "…", settings = {{…}}}}.') from error
    if chosen.name == ByLanguageTranscriber.name:
        raise RecipeError(f"{place}: 'by-language' cannot name itself; name a recognizer.")
    ears: Transcriber = registry.load("transcription", chosen)
    return ears
