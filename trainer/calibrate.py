"""Fits the limits of the embedded profile: `python -m trainer.calibrate` writes schemas/limits/embedded.toml.

Its clips are clean: dialogues of the bundled grammar, written, cast and performed as `build` does it, under a seed
that no training, test or benchmark uses. Per language and style it limits

- `gap`, `worst_gap` at the 95th percentile (lost, wrong or repeated words), `dnsmos_ovrl` at the 5th;
- `length_ratio` at the 1st and 99th, silence at either end at the 99th: guards against collapse, not fine sieves;
- `seconds_per_character` at Emilia's fences, Q1 - 1.5 IQR and Q3 + 1.5 IQR;
- `clipped_share` as published.

That is as much as can be gated: the tails add up to about the tenth of clean takes that `build` performs again.
Pitch, voice and loudness are expressive by design and synthesis adds no noise, so these are measured only.
What the limits do is then checked on clips they were not fitted on.
"""

import argparse
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from schemas.limits import Limit, Limits, Side, load_limits
from schemas.recipe import KindPlan, Recipe
from schemas.script import KINDS, LANGUAGES, STYLES, Kind, Language, Style
from schemas.seeds import derive_seed, generator
from schemas.take import Line, Measures
from stages.backends.dnsmos_quality import DnsmosQuality
from stages.backends.espeak_speech import EspeakSpeech
from stages.backends.grammar_writer import GrammarWriter
from stages.backends.phone_transcriber import WEIGHTS, PhoneTranscriber
from stages.judge import judge
from stages.normalize_text import normalize
from stages.plan_dialogues import plan_dialogues
from stages.score_quality import ScoreQuality
from stages.synthesize_speech import SynthesizeSpeech
from stages.transcribe import Transcribe

TABLE = Path(__file__).parents[1] / "schemas" / "limits" / "embedded.toml"
FIT, CHECK = "calibration", "calibration check"
"""Seed namespaces of the clips that limits are fitted on and checked on."""
CLIPS: dict[Style, int] = {"plain": 160, "whisper": 60, "shout": 60}
"""Clips per kind and language to fit on; half as many check."""
PUBLISHED = ("clipped_share",)
ATTEMPTS = 3

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Rule:
    """How the bound of a measure follows from its values over clean clips."""

    measure: str
    side: Side
    bound: Callable[[Values], float]
    source: str


def percentile(values: Values, rank: float) -> float:
    return float(np.percentile(values, rank))


def fence(values: Values, side: Side) -> float:
    """Tukey's fence: a quartile moved out by 1.5 interquartile ranges."""
    low, high = np.percentile(values, (25, 75))
    reach = 1.5 * (high - low)
    return float(low - reach if side == "minimum" else high + reach)


RULES = (
    Rule("gap", "maximum", partial(percentile, rank=95), "95th percentile"),
    Rule("worst_gap", "maximum", partial(percentile, rank=95), "95th percentile"),
    Rule("dnsmos_ovrl", "minimum", partial(percentile, rank=5), "5th percentile"),
    Rule("length_ratio", "minimum", partial(percentile, rank=1), "1st percentile"),
    Rule("length_ratio", "maximum", partial(percentile, rank=99), "99th percentile"),
    Rule("leading_silence_s", "maximum", partial(percentile, rank=99), "99th percentile"),
    Rule("trailing_silence_s", "maximum", partial(percentile, rank=99), "99th percentile"),
    Rule("seconds_per_character", "minimum", partial(fence, side="minimum"), "Q1 - 1.5 IQR (Emilia)"),
    Rule("seconds_per_character", "maximum", partial(fence, side="maximum"), "Q3 + 1.5 IQR (Emilia)"),
)


@dataclass(frozen=True)
class Group:
    """Takes that share their limits."""

    kind: Kind
    language: Language
    style: Style


GROUPS = tuple(Group(kind, language, style) for kind in KINDS for language in LANGUAGES for style in STYLES)


def clean_lines(namespace: str, group: Group, count: int) -> list[Line]:
    """One turn, in the group's style, of each of `count` dialogues."""
    kinds = {group.kind: KindPlan(dialogues=count, languages={group.language: 1.0}, assistant_voices=60)}
    recipe = Recipe(name="calibration", seed=derive_seed(namespace, group.style), kinds=kinds, splits={"train": 1.0})
    writer, engine = GrammarWriter(), EspeakSpeech()
    writer.open()
    lines = []
    for script in writer.write(plan_dialogues(recipe)):
        seed = derive_seed(recipe.seed, script.dialogue_id, 0)
        index = int(generator(seed).integers(len(script.turns)))
        turn = script.turns[index].model_copy(update={"style": group.style})
        character = script.speaker(turn)
        spoken = normalize(turn.text, group.language)
        voice = engine.design(character)
        lines.append(
            Line(script.dialogue_id, index, 0, seed, group.kind, group.language, turn, spoken, character, voice)
        )
    return lines


def hear(lines: Sequence[Line]) -> list[Measures]:
    """What the pipeline's ears say of each line when it is performed once."""
    synthesize = SynthesizeSpeech(EspeakSpeech())
    transcribe = Transcribe(PhoneTranscriber())
    score = ScoreQuality(DnsmosQuality())
    for stage in (synthesize, transcribe, score):
        stage.open()
    takes = score.process(list(transcribe.process(synthesize.process(lines))))
    for stage in (synthesize, transcribe, score):
        stage.close()
    return [take.measures for take in takes]


def hear_parallel(lines: Sequence[Line], processes: int) -> list[Measures]:
    """`hear` by so many processes; the same whatever their number."""
    heard: list[Measures | None] = [None] * len(lines)
    with get_context("spawn").Pool(processes) as pool:
        for start, part in enumerate(pool.map(hear, [lines[k::processes] for k in range(processes)])):
            heard[start::processes] = part
    return [measures for measures in heard if measures is not None]


def fit(group: Group, heard: Sequence[Measures]) -> list[Limit]:
    """The limits of a group from what was heard in its clean clips."""
    return [_fit_rule(rule, group, np.array([getattr(m, rule.measure) for m in heard])) for rule in RULES]


def _fit_rule(rule: Rule, group: Group, values: Values) -> Limit:
    bound = round(rule.bound(values), 4)
    spread = round(float(np.subtract(*np.percentile(values, (75, 25)))), 4)
    source = f"{rule.source} of {len(values)} clean clips"
    return Limit(rule.measure, rule.side, bound, source, spread or abs(bound) or 1.0, **vars(group))


def rejected_share(lines: Sequence[Line], limits: Limits, attempts: int, processes: int) -> list[float]:
    """Share of the lines still missing a limit after the first attempt, after the second, and so on."""
    missing, shares = list(lines), []
    for attempt in range(attempts):
        seeds = [derive_seed(line.seed, attempt) if attempt else line.seed for line in missing]
        tried = [replace(line, attempt=attempt, seed=seed) for line, seed in zip(missing, seeds, strict=True)]
        verdicts = [
            judge(measures, limits.of(line.kind, line.language, line.turn.style))
            for line, measures in zip(tried, hear_parallel(tried, processes), strict=True)
        ]
        missing = [line for line, verdict in zip(missing, verdicts, strict=True) if not verdict.accepted]
        shares.append(len(missing) / len(lines))
    return shares


def weights_digest() -> str:
    """Which recognizer the limits hold for: others hear other gaps."""
    return sha256(WEIGHTS.read_bytes()).hexdigest()


def as_toml(limits: Iterable[Limit], recognizer: str) -> str:
    """A profile's file, as `schemas.limits` reads it, and the digest of the recognizer's weights."""
    blocks = ["# Written by `python -m trainer.calibrate`; do not edit by hand.", f'recognizer = "{recognizer}"']
    for limit in limits:
        selectors = {"kind": limit.kind, "language": limit.language, "style": limit.style}
        lines = ["[[limits]]", f'measure = "{limit.measure}"']
        lines += [f'{name} = "{value}"' for name, value in selectors.items() if value is not None]
        lines += [f"{limit.side} = {limit.bound!r}", f"scale = {limit.scale!r}", f'source = "{limit.source}"']
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description="Fit schemas/limits/embedded.toml on clean clips.")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    processes = parser.parse_args().processes
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # inherited: every process keeps to its own core

    table = [limit for limit in load_limits("production").table if limit.measure in PUBLISHED]
    for group in GROUPS:
        table += fit(group, hear_parallel(clean_lines(FIT, group, CLIPS[group.style]), processes))
    TABLE.write_text(as_toml(table, weights_digest()), encoding="utf-8")
    limits = load_limits("embedded")
    print(f"{'share rejected after attempt':40}" + "".join(f"{n + 1:8}" for n in range(ATTEMPTS)))
    for group in GROUPS:
        lines = clean_lines(CHECK, group, CLIPS[group.style] // 2)
        shares = rejected_share(lines, limits, ATTEMPTS, processes)
        print(f"{group.kind + ' ' + group.language + ' ' + group.style:40}" + "".join(f"{s:8.3f}" for s in shares))


if __name__ == "__main__":
    main()
