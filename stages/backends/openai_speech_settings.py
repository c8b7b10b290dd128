"""Settings of 'openai-speech', checked when it is constructed: a recipe may hold any text, number or table there."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, cast

from schemas.script import LANGUAGES, PACES, Gender, Language, Pace
from schemas.tags import TAGS, Tag
from stages.backends.openai_speech_batch import MOST
from stages.backends.speech_settings import check_unused, one_of, text, voices_by_gender, wrong

MODES = ("named", "design", "clone")
OF_MODES = {"voices": "named", "design_model": "design", "prompts": "clone"}
"""Settings of one mode alone."""
FORMATS = ("wav", "flac", "mp3", "opus")
MIN_SPEED, MAX_SPEED = 0.25, 4.0
"""What the protocol allows."""


@dataclass(frozen=True)
class SpeechSettings:
    """What each setting means is in `openai_speech`."""

    model: str
    mode: str
    voices: Mapping[Gender, tuple[str, ...]]
    design_model: str
    response_format: str
    languages: Mapping[Language, str]
    speeds: Mapping[Pace, float]
    tags: Mapping[Tag, str]
    instruct: bool
    send_seed: bool
    batch: int
    extra_body: Mapping[str, Any]

    @classmethod
    def checked(cls, given: Mapping[str, Any]) -> "SpeechSettings":
        """Raises RecipeError that names the setting, and what it must be."""
        mode = one_of("mode", given["mode"], MODES)
        settings = cls(
            model=text("model", given["model"]),
            mode=mode,
            voices=voices_by_gender(given["voices"]) if mode == "named" else {},
            design_model=text("design_model", given["design_model"] or given["model"]),
            response_format=one_of("response_format", given["response_format"], FORMATS),
            languages=cast("Mapping[Language, str]", _texts("languages", given["languages"], LANGUAGES)),
            speeds=cast("Mapping[Pace, float]", _speeds(given["speeds"])),
            tags=cast("Mapping[Tag, str]", _texts("tags", given["tags"], TAGS)),
            instruct=_truth("instruct", given["instruct"]),
            send_seed=_truth("send_seed", given["send_seed"]),
            batch=_batch(given["batch"], mode == "design" or given["send_seed"]),
            extra_body=_table("extra_body", given["extra_body"]),
        )
        for name, of_mode in OF_MODES.items():
            if mode != of_mode:
                check_unused(name, given[name], mode)
        settings._check_extra()
        return settings

    @property
    def seeded(self) -> bool:
        """Voices that are designed hang on their seeds: every process must hear the same."""
        return self.send_seed or self.mode == "design"

    def _check_extra(self) -> None:
        """Raises RecipeError for a key that the back end writes itself."""
        own = {"model", "input", "response_format"}
        own |= {"voice"} if self.mode == "named" else {"ref_audio", "ref_text"}
        own |= {"task_type", "instructions"} if self.mode == "design" else set()
        own |= {"instructions"} if self.instruct else set()
        own |= {"seed"} if self.seeded else set()
        own |= {"language"} if self.languages else set()
        own |= {"speed"} if self.speeds else set()
        if taken := sorted(own & set(self.extra_body)):
            raise wrong("extra_body", f"without '{taken[0]}', which the back end writes itself")


def _batch(value: Any, seeded: bool) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MOST:
        raise wrong("batch", f"a whole number from 1 to {MOST}")
    if value > 1 and seeded:
        raise wrong("batch", "1, as the lines of a batch have no seeds, and here they are asked for")
    return value


def _truth(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise wrong(name, "true or false")
    return value


def _table(name: str, value: Any) -> Mapping[str, Any]:
    if not isinstance(value or {}, dict):
        raise wrong(name, "a table")
    return dict(value or {})


def _texts(name: str, value: Any, known: Collection[str]) -> Mapping[str, str]:
    """A table of texts, whose keys are among the known."""
    table = _table(name, value)
    if not set(table) <= set(known) or not all(isinstance(item, str) and item.strip() for item in table.values()):
        raise wrong(name, f"a table of texts, for any of: {', '.join(known)}")
    return table


def _speeds(value: Any) -> Mapping[str, float]:
    table = _table("speeds", value)
    for item in table.values():
        if isinstance(item, bool) or not isinstance(item, int | float) or not MIN_SPEED <= item <= MAX_SPEED:
            raise wrong("speeds", f"a table of numbers from {MIN_SPEED} to {MAX_SPEED:g}")
    if not set(table) <= set(PACES):
        raise wrong("speeds", f"a table for any of: {', '.join(PACES)}")
    return table
