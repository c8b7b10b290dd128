"""What the measures of a take must stay within, keyed by (measure, kind, language, style), one table per profile.

A profile is a TOML file beside this module (`limits/embedded.toml`: calibrated, `limits/production.toml`:
published). It holds entries like

    [[limits]]
    measure = "dnsmos_ovrl"
    style = "plain"
    minimum = 3.0
    source = "Emilia (He et al. 2024): DNSMOS OVRL >= 3.0"

`kind`, `language` and `style` (a turn's style, or `backchannel`: see `Turn.manner`) select the takes an entry covers;
one left out covers all. A recipe overrides a
profile with entries of the same form (`source` and `scale` may be left out); `minimum = -inf` lifts a limit.
"""

import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.resources import files
from typing import Literal

from schemas.errors import RecipeError
from schemas.script import KINDS, LANGUAGES, MANNERS, Kind, Language, Manner
from schemas.take import MEASURES

Side = Literal["minimum", "maximum"]

PROFILES: tuple[str, ...] = ("embedded", "production")
_SELECTORS: dict[str, tuple[str, ...]] = {"kind": KINDS, "language": LANGUAGES, "style": MANNERS}
_KEYS = ("measure", *_SELECTORS, "minimum", "maximum", "scale", "source")


@dataclass(frozen=True)
class Limit:
    """One bound on one measure; a take exactly on the bound is within.

    `scale` is what one unit of `Miss.gap` is worth: the spread of the measure over clean clips where that was
    calibrated, otherwise the magnitude of the bound.
    """

    measure: str
    side: Side
    bound: float
    source: str
    scale: float
    kind: str | None = None
    language: str | None = None
    style: str | None = None

    def covers(self, kind: Kind, language: Language, style: Manner) -> bool:
        return self.kind in (None, kind) and self.language in (None, language) and self.style in (None, style)

    @property
    def specificity(self) -> tuple[bool, bool, bool]:
        """Orders the entries that cover one take: a named style outweighs a language, that a kind."""
        return self.style is not None, self.language is not None, self.kind is not None


@dataclass(frozen=True)
class Limits:
    """The limits of a profile and the recipe's overrides of them, layer over layer."""

    profile: str
    table: tuple[Limit, ...]
    layers: tuple[tuple[Limit, ...], ...] = ()

    def of(self, kind: Kind, language: Language, style: Manner) -> tuple[Limit, ...]:
        """The limits in force for such takes: at most one per measure and side, ordered by measure and side.

        An entry that covers the take goes before those of the layers below it, the profile's table lowest; within a
        layer, the most specific counts (see `Limit.specificity`). A measure that no entry covers is not limited.
        """
        chosen: dict[tuple[str, Side], Limit] = {}
        for layer in (self.table, *self.layers):
            for limit in sorted(layer, key=lambda entry: entry.specificity):
                if limit.covers(kind, language, style):
                    chosen[limit.measure, limit.side] = limit
        return tuple(chosen[key] for key in sorted(chosen))


def load_limits(profile: str, *layers: Sequence[Mapping[str, object]]) -> Limits:
    """The limits of a profile with layers of a recipe's overrides, each a mapping with the keys of a TOML entry.

    Raises RecipeError for an unknown profile and for a wrong override, naming key, value and remedy.
    """
    if profile not in PROFILES:
        raise RecipeError(f"limits: there is no profile '{profile}'; use one of: {', '.join(PROFILES)}.")
    text = files("schemas").joinpath("limits", f"{profile}.toml").read_text(encoding="utf-8")
    table = parse_limits(tomllib.loads(text)["limits"], f"limits/{profile}.toml")
    return Limits(profile, table, tuple(parse_limits(entries, "limits") for entries in layers))


def parse_limits(entries: Sequence[Mapping[str, object]], place: str) -> tuple[Limit, ...]:
    """The entries as limits; `place` says in errors where they stand. Raises RecipeError."""
    limits = tuple(_parse(entry, f"{place}[{index}]") for index, entry in enumerate(entries))
    seen: dict[tuple[object, ...], int] = {}
    for index, limit in enumerate(limits):
        key = (limit.measure, limit.side, limit.kind, limit.language, limit.style)
        if key in seen:
            raise RecipeError(f"{place}[{index}]: limits the same as {place}[{seen[key]}]; remove one of them.")
        seen[key] = index
    return limits


def _parse(entry: Mapping[str, object], place: str) -> Limit:
    entry = {key: value for key, value in entry.items() if value is not None}
    for key in entry:
        _check_known(f"{place}: key", key, _KEYS)
    if "measure" not in entry:
        raise RecipeError(f"{place}: 'measure' is missing; name a measure, for example 'dnsmos_ovrl'.")
    measure = _check_known(f"{place}.measure", entry["measure"], MEASURES)
    sides: list[Side] = [side for side in ("minimum", "maximum") if side in entry]
    if len(sides) != 1:
        raise RecipeError(f"{place}: '{measure}' needs either 'minimum' or 'maximum'; write two entries for both.")
    bound = _number(entry[sides[0]], f"{place}.{sides[0]}")
    scale = _number(entry.get("scale", _magnitude(bound)), f"{place}.scale")
    if scale <= 0:
        raise RecipeError(f"{place}.scale: {scale} must be above 0.")
    selectors = {
        name: _check_known(f"{place}.{name}", entry[name], known) for name, known in _SELECTORS.items() if name in entry
    }
    return Limit(measure, sides[0], bound, str(entry.get("source", "recipe")), scale, **selectors)


def _check_known(place: str, value: object, known: Sequence[str]) -> str:
    if isinstance(value, str) and value in known:
        return value
    nearest = get_close_matches(str(value), known, n=1)
    remedy = f"did you mean '{nearest[0]}'?" if nearest else f"use one of: {', '.join(known)}."
    raise RecipeError(f"{place}: '{value}' is unknown; {remedy}")


def _number(value: object, place: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value):
        raise RecipeError(f"{place}: {value!r} is not a number.")
    return float(value)


def _magnitude(bound: float) -> float:
    return abs(bound) if bound and math.isfinite(bound) else 1.0
