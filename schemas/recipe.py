"""One TOML file = one corpus. Every default of the pipeline lives here.

Sections map to the graphs they shape: `kinds`, `splits` and the script back end shape `write`; the other back ends
and `perform` shape the takes; `select` only cuts, and may change without re-synthesis.
"""

import difflib
import reprlib
import tomllib
import types
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from schemas.errors import RecipeError
from schemas.printable import SHOWN, printable
from schemas.script import Kind, Language, Manner
from schemas.take import MEASURES

SECONDS_PER_DIALOGUE: dict[Kind, float] = {"conversation": 25.5, "roleplay": 32.7, "singing": 36.1}
"""Rate at which hours become counts before writing: mean seconds of accepted speech per planned dialogue, measured on
the demo recipe (README, figures). What a corpus falls short of its hours is printed, never topped up."""

MAX_DIALOGUES = 4_000_000
"""Most dialogues of one recipe. Whoever launches a build holds its plan in memory, 0.5 kB a dialogue (measured), and of
manifests and shards some 1.2 kB more: 7 GB at this bound, and 3.3 GB at the 1.9 million dialogues of 15,800 hours."""
MAX_FILE_BYTES, MAX_LINE_BYTES = 100_000, 4_000
"""A recipe is a few kilobytes; what is larger is another file. Reading time grows as the square of a line's length."""
MAX_WRONG = 5
"""So many wrong keys are named at a time."""

_VALUES = reprlib.Repr()
_VALUES.maxstring = SHOWN

Share = Annotated[float, Field(gt=0.0, le=1.0)]
Setting = str | int | float | bool | list[Any] | dict[str, Any]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, str_max_length=1_000)


class KindPlan(_Section):
    """How much of one kind: `dialogues`, or `hours` of speech; how its languages and voices are mixed.

    In role-play the assistant voices are the characters. `songs` is for singing alone: how many different songs there
    are to ask for in each language; those of the songbook come first, the others are generated.
    """

    dialogues: int | None = Field(default=None, ge=1, le=10**9)
    hours: float | None = Field(default=None, gt=0.0, le=1e6)
    languages: dict[Language, Annotated[float, Field(ge=1e-6, le=1e6)]] = Field(
        default={"en": 1.0, "zh": 1.0}, min_length=1
    )
    assistant_voices: int = Field(default=8, ge=1, le=100_000)
    user_voices: int = Field(default=60, ge=1, le=100_000)
    songs: int | None = Field(default=None, ge=1, le=100_000)

    @model_validator(mode="after")
    def _one_amount(self) -> "KindPlan":
        if (self.dialogues is None) == (self.hours is None):
            raise ValueError("give either dialogues or hours, and not both")
        return self


class Service(_Section):
    """How the endpoint of a back end is reached, and what it charges. Shapes no bytes: it may change between runs.

    The key is read from the environment variable that `key_variable` names, and from nowhere else.
    `design_base_url` is for 'openai-speech' in the mode "design", whose voices may be designed at another address than
    they are cloned at: a server of vLLM-Omni serves one model.
    """

    base_url: str = Field(default="https://api.openai.com/v1", pattern=r"^https?://[^\s@]+$")
    design_base_url: str | None = Field(default=None, pattern=r"^https?://[^\s@]+$")
    key_variable: str = Field(default="OPENAI_API_KEY", pattern=r"^[A-Z][A-Z0-9_]*$")
    concurrency: int = Field(default=16, ge=1, le=512)
    requests_per_minute: float | None = Field(default=None, ge=0.1)
    timeout_s: float = Field(default=120.0, gt=0.0, le=86_400.0)
    attempts: int = Field(default=6, ge=1, le=20)
    usd_per_million_prompt_tokens: float | None = Field(default=None, ge=0.0)
    usd_per_million_completion_tokens: float | None = Field(default=None, ge=0.0)

    @field_validator("base_url", "design_base_url")
    @classmethod
    def _address(cls, base_url: str | None) -> str | None:
        """Errors do not quote it: there may be a key in it."""
        if base_url is None:
            return None
        try:
            parts = urlsplit(base_url)
            sound = bool(parts.hostname) and parts.port != 0
        except ValueError:  # half an IPv6 address, a port that is no number
            sound = False
        if not sound:
            raise ValueError("it is no address: write http:// or https://, a host, a port where needed, and a path")
        if "?" in base_url or "#" in base_url:
            raise ValueError("it must not hold '?' or '#': requests go to paths below it")
        return base_url


class BackendChoice(_Section):
    """A back end by its name in `stages/backends/registry.py`, its constructor's settings, and its endpoint if any."""

    name: str
    settings: dict[str, Setting] = Field(default_factory=dict)
    service: Service | None = None

    def engines(self) -> list[str]:
        """Its name and those of the back ends that it hands its work to: `by-language` names them in its settings."""
        if self.name != "by-language":
            return [self.name]
        inner = [choice.get("name") if isinstance(choice, dict) else choice for choice in self.settings.values()]
        return [self.name, *sorted({str(name) for name in inner})]


class Backends(_Section):
    """One back end per capability; a plain string is short for its name."""

    script: BackendChoice = BackendChoice(name="grammar")
    script_judge: BackendChoice = BackendChoice(name="rules")
    speech: BackendChoice = BackendChoice(name="espeak-world")
    singing: BackendChoice = BackendChoice(name="espeak-world")
    transcription: BackendChoice = BackendChoice(name="phone-ctc")
    speaker: BackendChoice = BackendChoice(name="speaker-net")
    quality: BackendChoice = BackendChoice(name="dnsmos")
    codec: BackendChoice = BackendChoice(name="kmeans-hn")

    @field_validator("*", mode="before")
    @classmethod
    def _from_name(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _designers(self) -> "Backends":
        for capability in Backends.model_fields:
            choice: BackendChoice = getattr(self, capability)
            elsewhere = choice.service is not None and choice.service.design_base_url is not None
            if elsewhere and (choice.name, choice.settings.get("mode")) != ("openai-speech", "design"):
                raise ValueError(
                    f"{capability}.service.design_base_url: only 'openai-speech' in the mode \"design\" designs voices "
                    "at an endpoint; delete the line"
                )
        return self


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
            close = difflib.get_close_matches(measure[:SHOWN], MEASURES, n=1, cutoff=0.0)
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
    surroundings_share: float = Field(default=0.0, ge=0.0, le=1.0)
    """Share of users who are heard in a room and over noise, added after everything has been measured."""


class Select(_Limited):
    """Selection limits (default: the retry limits), and what the finished corpus must satisfy."""

    max_rejected_share: float = Field(default=0.3, ge=0.0, le=1.0)
    shard_mb: int = Field(default=500, ge=1, le=500)


class Run(_Section):
    """What may change from run to run without changing a byte."""

    max_cost_usd: float | None = Field(default=None, ge=0.0)
    stage_timeout_s: float = Field(default=600.0, gt=0.0, le=86_400.0)
    """A back end that has not answered for so long is taken to hang: its records are dead."""


class Recipe(_Section):
    """A whole corpus. `seed` and the sections decide every byte (DESIGN: byte-identity)."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")
    seed: int = Field(default=0, ge=0, lt=2**63)
    chunk_dialogues: int = Field(default=32, ge=1, le=1_000)
    kinds: dict[Kind, KindPlan] = Field(min_length=1)
    splits: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")], Share] = {
        "train": 0.9,
        "validation": 0.05,
        "test": 0.05,
    }
    backends: Backends = Backends()
    perform: Perform = Perform()
    select: Select = Select()
    run: Run = Run()

    @field_validator("splits")
    @classmethod
    def _whole(cls, splits: dict[str, float]) -> dict[str, float]:
        if abs(sum(splits.values()) - 1.0) > 1e-6:
            raise ValueError(f"the shares must add up to 1, not {sum(splits.values()):g}")
        if "all" in splits:
            raise ValueError("'all' means every split to `load_dataset`; give the split another name")
        return splits

    @model_validator(mode="after")
    def _calibrated_ears(self) -> "Recipe":
        voices = [self.backends.speech.name] + [self.backends.singing.name] * ("singing" in self.kinds)
        for ears, name in (("transcription", "phone-ctc"), ("speaker", "speaker-net")):
            for voice in voices:
                if name in getattr(self.backends, ears).engines() and voice != "espeak-world":
                    raise ValueError(
                        f"backends: the embedded net '{name}' knows the voices of 'espeak-world' only, not those "
                        f"of '{voice}'; name another {ears} back end"
                    )
        return self

    @model_validator(mode="after")
    def _one_voice(self) -> "Recipe":
        """The embedded singer has the voices of the embedded speech engine, and nobody else's."""
        speech = self.backends.speech.name
        if "singing" in self.kinds and self.backends.singing.name == "espeak-world" != speech:
            raise ValueError(
                f"backends.singing: 'espeak-world' cannot sing in the voices of '{speech}'; name a singing back end "
                "that can, such as 'http'"
            )
        return self

    @model_validator(mode="after")
    def _fitting_likeness(self) -> "Recipe":
        """A limit on the cosine of one speaker encoder means nothing to another's."""
        own = any(entry.measure == "speaker_similarity" for entry in self.perform.limits)
        if self.perform.profile == "embedded" and self.backends.speaker.name == "campplus" and not own:
            raise ValueError(
                "perform.limits: the embedded limits on 'speaker_similarity' were fitted with 'speaker-net', not with "
                "'campplus'; add an entry of your own (minimum = -inf lifts it)"
            )
        return self

    @model_validator(mode="after")
    def _songs_to_sing(self) -> "Recipe":
        for kind, plan in self.kinds.items():
            if plan.songs is not None and kind != "singing":
                raise ValueError(f"kinds.{kind}.songs: only 'singing' has songs; delete the line")
        return self

    @model_validator(mode="after")
    def _plannable(self) -> "Recipe":
        if (total := sum(self.counts().values())) > MAX_DIALOGUES:
            raise ValueError(
                f"kinds: {total:,} dialogues, more than {MAX_DIALOGUES:,}, whose plan and manifests fill about 8 GB "
                "of memory; share them among recipes with names and seeds of their own"
            )
        return self

    @property
    def grammar(self) -> str | None:
        """Folder of the grammar that gives scenes and people; None for the bundled one."""
        folder = self.backends.script.settings.get("grammar")
        return None if folder is None else str(folder)

    def shaping(self) -> dict[str, Any]:
        """The recipe as JSON, less what shapes no byte and is nobody's business: endpoints, prices, time-outs."""
        services = {name: {"service"} for name in Backends.model_fields}
        return self.model_dump(mode="json", exclude={"run": True, "backends": services})

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
        data = _bytes(path)
    except OSError as error:
        raise RecipeError(f"{path}: cannot read the recipe: {error.strerror or error}.") from error
    return parse_recipe(data, str(path))


def parse_recipe(data: bytes, path: str) -> Recipe:
    """The recipe in the bytes of a file, which errors call `path`. Raises RecipeError as `load_recipe` does."""
    if (longest := max(map(len, data.split(b"\n")))) > MAX_LINE_BYTES:
        raise RecipeError(f"{path}: a line of {longest:,} bytes; break it up into lines of at most {MAX_LINE_BYTES:,}.")
    try:
        table = tomllib.loads(data.decode())
    except (ValueError, RecursionError) as error:  # not TOML, not UTF-8, a number of thousands of digits, deep nesting
        raise RecipeError(f"{path}: not valid TOML: {printable(str(error), SHOWN)}.") from error
    try:
        return Recipe.model_validate(table)
    except ValidationError as error:
        wrong = error.errors()
        more = f" And {len(wrong) - MAX_WRONG} more." if len(wrong) > MAX_WRONG else ""
        raise RecipeError(f"{path}: " + " ".join(_explain(item) for item in wrong[:MAX_WRONG]) + more) from error


def _bytes(path: Path) -> bytes:
    """The bytes of a regular file of sane size: a pipe or a device could be read for ever."""
    if path.exists() and not path.is_file():
        raise RecipeError(f"{path}: cannot read the recipe: not a file.")
    if (size := path.stat().st_size) > MAX_FILE_BYTES:
        raise RecipeError(f"{path}: {size:,} bytes are no recipe; one of more than {MAX_FILE_BYTES:,} is not read.")
    return path.read_bytes()


def _explain(item: Any) -> str:
    where = printable(".".join(str(part) for part in item["loc"]) or "recipe", SHOWN)
    if item["type"] == "extra_forbidden":
        return f"Unknown key '{where}'.{_nearest(item['loc'])}"
    if item["type"] == "missing":
        return f"Missing key '{where}': add it."
    if item["loc"] and item["loc"][-1] == "[key]":
        name = printable(str(item["input"]), SHOWN)
        return f"Unknown name '{name}' in '{'.'.join(str(p) for p in item['loc'][:-2])}'. {item['msg']}."
    message = printable(item["msg"].removeprefix("Value error, "), 2 * SHOWN)
    hidden = isinstance(item["input"], dict) or "service" in item["loc"]  # who errs there may have pasted a key
    shown = "" if hidden else f" (it is {printable(_VALUES.repr(item['input']), SHOWN)})"
    return f"'{where}': {message}{shown}."


def _nearest(loc: tuple[str | int, ...]) -> str:
    """The closest known key at the place of an unknown one."""
    section: Any = Recipe
    for part in loc[:-1]:
        section = _descend(section, part)
    known = list(getattr(section, "model_fields", {}))
    close = difflib.get_close_matches(str(loc[-1])[:SHOWN], known, n=1, cutoff=0.5)
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
