"""One TOML file = one corpus. Every default of the pipeline lives here.

Sections map to the graphs they shape: `kinds`, `splits` and the script back end shape `write`; the other back ends
and `perform` shape the takes; `select` only cuts, and may change without re-synthesis.
"""

import difflib
import tomllib
import types
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from schemas.errors import RecipeError
from schemas.script import Kind, Language, Manner
from schemas.take import MEASURES

SECONDS_PER_DIALOGUE: dict[Kind, float] = {"conversation": 29.6}
"""Rate at which hours become counts before writing: mean seconds of accepted speech per planned dialogue, measured on
the demo recipe (README, figures). What a corpus falls short of its hours is printed, never topped up."""

Share = Annotated[float, Field(gt=0.0, le=1.0)]
Setting = str | int | float | bool


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class KindPlan(_Section):
    """How much of one kind: `dialogues`, or `hours` of speech; how its languages and voices are mixed."""

    dialogues: int | None = Field(default=None, ge=1, le=10_000_000)
    hours: float | None = Field(default=None, gt=0.0, le=100_000.0)
    languages: dict[Language, Annotated[float, Field(gt=0.0)]] = Field(default={"en": 1.0, "zh": 1.0}, min_length=1)
    assistant_voices: int = Field(default=8, ge=1, le=1_000)
    user_voices: int = Field(default=60, ge=1, le=100_000)

    @model_validator(mode="after")
    def _one_amount(self) -> "KindPlan":
        if (self.dialogues is None) == (self.hours is None):
            raise ValueError("give either dialogues or hours, and not both")
        return self


class BackendChoice(_Section):
    """A back end by its name in `stages/backends/registry.py`, and its constructor's settings."""

    name: str
    settings: dict[str, Setting] = Field(default_factory=dict)


class Backends(_Section):
    """One back end per capability; a plain string is short for its name."""

    script: BackendChoice = BackendChoice(name="grammar")
    speech: BackendChoice = BackendChoice(name="espeak-world")
    transcription: BackendChoice = BackendChoice(name="phone-ctc")
    quality: BackendChoice = BackendChoice(name="dnsmos")
    codec: BackendChoice = BackendChoice(name="kmeans-hn")

    @field_validator("*", mode="before")
    @classmethod
    def _from_name(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value


class LimitOverride(_Section):
    """Replaces a profile's limit for one measure, for all kinds, languages and styles or for the named ones."""

    measure: str
    kind: Kind | None = None
    language: Language | None = None
    style: Manner | None = None
    minimum: float | None = None
    maximum: float | None = None

    @field_validator("measure")
    @classmethod
    def _known_measure(cls, measure: str) -> str:
        if measure not in MEASURES:
            close = difflib.get_close_matches(measure, MEASURES, n=1, cutoff=0.0)
            raise ValueError(f"there is no such measure; did you mean '{close[0]}'?")
        return measure

    @model_validator(mode="after")
    def _one_bound(self) -> "LimitOverride":
        if (self.minimum is None) == (self.maximum is None):
            raise ValueError("give either minimum or maximum; write two entries for both")
        return self


class _Limited(_Section):
    """A section with overrides of the profile's limits."""

    limits: tuple[LimitOverride, ...] = ()

    def entries(self) -> list[dict[str, object]]:
        """The overrides as `schemas.limits.load_limits` takes them."""
        return [override.model_dump(exclude_none=True) for override in self.limits]


class Perform(_Limited):
    """Retry limits: a take that misses them is performed again, up to `attempts` times in all."""

    attempts: int = Field(default=3, ge=1, le=10)
    profile: Literal["embedded", "production"] = "embedded"
    pitch_audit_share: float = Field(default=0.02, ge=0.0, le=1.0)


class Select(_Limited):
    """Selection limits (default: the retry limits), and what the finished corpus must satisfy."""

    max_rejected_share: float = Field(default=0.3, ge=0.0, le=1.0)
    shard_mb: int = Field(default=500, ge=1, le=500)


class Recipe(_Section):
    """A whole corpus. `seed` and the sections decide every byte (DESIGN: byte-identity)."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")
    seed: int = Field(default=0, ge=0, lt=2**63)
    chunk_dialogues: int = Field(default=32, ge=1, le=1_000)
    kinds: dict[Kind, KindPlan] = Field(min_length=1)
    splits: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")], Share] = {
        "train": 0.9,
        "validation": 0.05,
        "test": 0.05,
    }
    backends: Backends = Backends()
    perform: Perform = Perform()
    select: Select = Select()

    @field_validator("splits")
    @classmethod
    def _whole(cls, splits: dict[str, float]) -> dict[str, float]:
        if abs(sum(splits.values()) - 1.0) > 1e-6:
            raise ValueError(f"the shares must add up to 1, not {sum(splits.values()):g}")
        return splits

    @model_validator(mode="after")
    def _calibrated_ears(self) -> "Recipe":
        embedded_ears = self.backends.transcription.name == "phone-ctc"
        if embedded_ears and self.backends.speech.name != "espeak-world":
            raise ValueError(
                "backends: the embedded recognizer 'phone-ctc' is calibrated for the voice of 'espeak-world' only, not "
                f"for '{self.backends.speech.name}'; name another transcription back end"
            )
        return self

    @property
    def grammar(self) -> str | None:
        """Folder of the grammar that gives scenes and people; None for the bundled one."""
        folder = self.backends.script.settings.get("grammar")
        return None if folder is None else str(folder)

    def counts(self) -> dict[Kind, int]:
        """Dialogues to plan, per kind; hours converted by SECONDS_PER_DIALOGUE."""
        counts: dict[Kind, int] = {}
        for kind, plan in self.kinds.items():
            if plan.dialogues is not None:
                counts[kind] = plan.dialogues
            else:
                assert plan.hours is not None
                counts[kind] = max(1, round(plan.hours * 3600 / SECONDS_PER_DIALOGUE[kind]))
        return counts


def load_recipe(path: Path) -> Recipe:
    """Read and check a recipe. Raises RecipeError that names the file, the key, the value and the remedy."""
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RecipeError(f"{path}: cannot read the recipe: {error.strerror or error}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path}: not valid TOML: {error}.") from error
    try:
        return Recipe.model_validate(data)
    except ValidationError as error:
        raise RecipeError(f"{path}: " + " ".join(_explain(item) for item in error.errors())) from error


def _explain(item: Any) -> str:
    where = ".".join(str(part) for part in item["loc"]) or "recipe"
    if item["type"] == "extra_forbidden":
        return f"Unknown key '{where}'.{_nearest(item['loc'])}"
    if item["type"] == "missing":
        return f"Missing key '{where}': add it."
    if item["loc"] and item["loc"][-1] == "[key]":
        return f"Unknown name '{item['input']}' in '{'.'.join(str(p) for p in item['loc'][:-2])}'. {item['msg']}."
    message = item["msg"].removeprefix("Value error, ")
    shown = "" if isinstance(item["input"], dict) else f" (it is {item['input']!r})"
    return f"'{where}': {message}{shown}."


def _nearest(loc: tuple[str | int, ...]) -> str:
    """The closest known key at the place of an unknown one."""
    section: Any = Recipe
    for part in loc[:-1]:
        section = _descend(section, part)
    known = list(getattr(section, "model_fields", {}))
    close = difflib.get_close_matches(str(loc[-1]), known, n=1, cutoff=0.5)
    return f" Did you mean '{close[0]}'?" if close else f" Known keys here: {', '.join(known)}."


def _descend(section: Any, part: str | int) -> Any:
    """The type one step further down: a field of a model, a value of a dict, an item of a tuple."""
    if isinstance(section, type) and issubclass(section, BaseModel):
        section = section.model_fields[str(part)].annotation
        if get_origin(section) in (Union, types.UnionType):
            section = get_args(section)[0]
        return section
    arguments = get_args(section)
    if get_origin(section) is tuple:
        return arguments[0]
    return arguments[-1] if arguments else None
