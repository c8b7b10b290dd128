"""Fits the limits of the embedded profile: `python -m trainer.calibrate` writes schemas/limits/embedded.toml.

Its clips are clean: dialogues of the bundled grammar, written, cast and performed as `build` does it, under a seed
that no training, test or benchmark uses. Per kind, language and style it limits

- `gap`, `worst_gap` (lost, wrong or repeated words) and `dnsmos_ovrl` at the 5th percentile taken jointly: the largest
  equal tail of each at which 95 % of the clips are within all three. A dialogue is only as good as its worst turn, so
  three separate tails of 5 % would cost every second dialogue;
- `seconds_per_character` at Emilia's fences, 1.5 interquartile ranges beyond the quartiles, of its logarithm;
- `length_ratio` and silence at either end against collapse only, which the gap sees better, and `speaker_similarity`
  against another's voice: at fixed limits, wider where a percent of clean clips needs it (voice activity is hard to
  tell in a whisper, and so is who whispers);
- `clipped_share`, and how near to its score a song must be, as in the production profile.

A song has the pace of its score, its held notes are no speech to a detector of that, and it is long: more of them are
kept. A hummed one has no words. The speaker net knows no singing. Pitch, voice and loudness of speech are expressive by
design and synthesis adds no noise, so these are measured only.
What the limits do is then checked on clips they were not fitted on.
"""

import argparse
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from hashlib import sha256
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from schemas.limits import Limit, Limits, Side, load_limits
from schemas.recipe import KindPlan, Recipe
from schemas.script import KINDS, LANGUAGES, STYLES, Kind, Language, Manner, Turn
from schemas.seeds import derive_seed, generator
from schemas.take import Line, Measures, Voice
from stages.backends import phone_transcriber, speaker_encoder
from stages.backends.dnsmos_quality import DnsmosQuality
from stages.backends.espeak_singing import EspeakSinging
from stages.backends.espeak_speech import EspeakSpeech
from stages.backends.grammar_writer import write_script
from stages.backends.phone_transcriber import PhoneTranscriber
from stages.backends.repertoire import is_generated
from stages.backends.speaker_encoder import SpeakerNetEncoder
from stages.cast_voices import heard_once
from stages.judge import judge_line
from stages.normalize_text import normalize, normalize_tagged
from stages.plan_dialogues import plan_dialogues
from stages.score_quality import ScoreQuality
from stages.score_singing import ScoreSinging
from stages.score_speaker import ScoreSpeaker
from stages.synthesize_singing import SynthesizeSinging
from stages.synthesize_speech import SynthesizeSpeech
from stages.transcribe import Transcribe

TABLE = Path(__file__).parents[1] / "schemas" / "limits" / "embedded.toml"
FIT, CHECK = "calibration", "calibration check"
"""Seed namespaces of the clips that limits are fitted on and checked on."""
CLIPS: dict[Manner, int] = {"plain": 200, "whisper": 60, "shout": 60, "backchannel": 100, "sung": 80, "hummed": 40}
"""Clips per kind and language to fit on; half as many check."""
DIALOGUES_A_TURN: dict[Manner, int] = {"backchannel": 12, "sung": 3, "hummed": 36}
"""So many dialogues have at least one turn of a manner that not all have; of songs, generated ones: the songbook is for
the benchmark."""
KEPT, KEPT_OF_SONGS = 0.95, 0.97
TAILS: tuple[tuple[str, Side], ...] = (("gap", "maximum"), ("worst_gap", "maximum"), ("dnsmos_ovrl", "minimum"))
LYRICS = ("gap", "worst_gap")
GUARDS: dict[tuple[str, Side], float] = {
    ("length_ratio", "minimum"): 0.8,  # a fifth lost or gained: the smallest cut the recognizer is held to catch
    ("length_ratio", "maximum"): 1.25,
    ("leading_silence_s", "maximum"): 0.5,  # published: see limits/production.toml
    ("trailing_silence_s", "maximum"): 0.5,
    ("speaker_similarity", "minimum"): 0.65,  # about 5 % of takes are as like another's reference (bench_speaker)
}
GUARD_TAIL = 0.01
AS_PUBLISHED = (
    *("clipped_share", "worst_note_cents", "wrong_note_share", "onset_shift_s", "voicing_recall"),
    *("voicing_false_alarm", "raw_pitch_accuracy", "hnr_db", "sounding_share", "onset_error_s"),
)
"""Measures that the production profile limits for every engine."""
ATTEMPTS = 3
UNHEARD = Voice("", "", {})
"""Of a line that is not performed yet."""

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Group:
    """Takes that share their limits."""

    kind: Kind
    language: Language
    style: Manner


SUNG: tuple[Manner, ...] = ("sung", "hummed")
MANNERS_OF: dict[Kind, tuple[Manner, ...]] = {
    "conversation": (*STYLES, "backchannel"),
    "roleplay": (*STYLES, "backchannel"),
    "singing": ("plain", *SUNG),
}
"""The manners of a kind's turns. In singing dialogues what is spoken is spoken plainly."""
GROUPS = tuple(Group(kind, language, style) for kind in KINDS for language in LANGUAGES for style in MANNERS_OF[kind])


def clean_lines(namespace: str, group: Group, count: int) -> list[Line]:
    """One turn, in the group's style, of each of `count` dialogues that have such a turn."""
    planned = count * DIALOGUES_A_TURN.get(group.style, 1)
    kinds = {group.kind: KindPlan(dialogues=planned, languages={group.language: 1.0}, assistant_voices=60)}
    recipe = Recipe(name="calibration", seed=derive_seed(namespace, group.style), kinds=kinds, splits={"train": 1.0})
    lines: list[Line] = []
    for script in (write_script(plan) for plan in plan_dialogues(recipe)):
        fit = [index for index, turn in enumerate(script.turns) if _may_be(turn, group.style)]
        if len(lines) == count:
            break
        if not fit or (group.style in SUNG and not is_generated(script.plan.scene)):
            continue
        seed = derive_seed(recipe.seed, script.dialogue_id, 0)
        index = fit[int(generator(seed).integers(len(fit)))]
        turn = script.turns[index]
        if group.style in STYLES:
            turn = turn.model_copy(update={"style": group.style})
        character = script.speaker(turn)
        spoken = normalize(turn.text, group.language)
        tagged = normalize_tagged(turn.text, group.language)
        lines.append(
            Line(
                dialogue_id=script.dialogue_id,
                turn_index=index,
                attempt=0,
                seed=seed,
                kind=group.kind,
                language=group.language,
                turn=turn,
                spoken=spoken,
                character=character,
                voice=UNHEARD,
                tagged=tagged,
            )
        )
    return lines


def _may_be(turn: Turn, style: Manner) -> bool:
    """Whether a turn is of a manner, or is spoken and could be spoken in that style."""
    return turn.manner == style or (style in STYLES and turn.manner in STYLES)


def hear(lines: Sequence[Line]) -> list[Measures]:
    """What the pipeline's ears say of each line when it is performed once, in the voice of its character. The lines are
    all spoken or all sung."""
    engine = EspeakSpeech()
    sung = lines[0].turn.song is not None
    synthesize = SynthesizeSinging(EspeakSinging()) if sung else SynthesizeSpeech(engine)
    ears = [Transcribe(PhoneTranscriber()), ScoreQuality(DnsmosQuality()), ScoreSpeaker(SpeakerNetEncoder())]
    stages = [synthesize, *ears, *([ScoreSinging()] if sung else [])]
    for opened in (engine, *stages):
        opened.open()
    voice = cache(partial(heard_once, engine))
    takes = [replace(line, voice=voice(line.character)) for line in lines]
    for stage in stages:
        takes = list(stage.process(takes))
    for opened in (engine, *stages):
        opened.close()
    return [take.measures for take in takes]


def hear_parallel(lines: Sequence[Line], processes: int) -> list[Measures]:
    """`hear` by so many processes; the same whatever their number."""
    heard: list[Measures | None] = [None] * len(lines)
    with get_context("spawn").Pool(processes) as pool:
        slices = [lines[k::processes] for k in range(min(processes, len(lines)))]
        for start, part in enumerate(pool.map(hear, slices)):
            heard[start::processes] = part
    return [measures for measures in heard if measures is not None]


def tail_bound(values: Values, side: Side, share: float) -> float:
    """The bound that leaves this share of the values outside."""
    return float(np.quantile(values, share if side == "minimum" else 1 - share))


def within(values: Values, side: Side, bound: float) -> NDArray[np.bool_]:
    return values >= bound if side == "minimum" else values <= bound


def fence(values: Values, side: Side) -> float:
    """Tukey's fence on a logarithmic scale: durations are skewed, and differ by ratios."""
    low, high = np.quantile(np.log(values), (0.25, 0.75))
    reach = 1.5 * (high - low)
    return float(np.exp(low - reach if side == "minimum" else high + reach))


def joint_tail(heard: Sequence[Measures], tails: Sequence[tuple[str, Side]], keep: float) -> float:
    """The largest share, equal for all tails, whose bounds together keep so many of the clips."""
    columns = [(_values(heard, measure), side) for measure, side in tails]
    for share in np.linspace(1 - keep, 0, 101):
        kept = [within(values, side, tail_bound(values, side, share)) for values, side in columns]
        if np.all(kept, axis=0).mean() >= keep:
            return float(share)
    raise AssertionError("a tail of nothing keeps every clip")


def fit(group: Group, heard: Sequence[Measures]) -> list[Limit]:
    """The limits of a group from what was heard in its clean clips."""
    tails = [tail for tail in TAILS if group.style != "hummed" or tail[0] not in LYRICS]
    keep = KEPT_OF_SONGS if group.style in SUNG else KEPT
    share = joint_tail(heard, tails, keep)
    bounds: list[tuple[str, Side, float, str]] = []
    for measure, side in tails:
        bound = tail_bound(_values(heard, measure), side, share)
        bounds.append((measure, side, bound, f"{share:.1%} tail, jointly {1 - keep:.0%},"))
    if group.style not in SUNG:
        bounds += _of_speech(heard)
    return [_limit(group, measure, side, bound, rule, _values(heard, measure)) for measure, side, bound, rule in bounds]


def _of_speech(heard: Sequence[Measures]) -> list[tuple[str, Side, float, str]]:
    """Pace and guards: measure, side, bound, and the rule that it comes from."""
    pace = "seconds_per_character"
    sides: tuple[Side, ...] = ("minimum", "maximum")
    bounds = [(pace, side, fence(_values(heard, pace), side), "Emilia's fence") for side in sides]
    for (measure, side), guard in GUARDS.items():
        tail = tail_bound(_values(heard, measure), side, GUARD_TAIL)
        bound = min(guard, tail) if side == "minimum" else max(guard, tail)
        bounds.append((measure, side, bound, f"{guard}, or the {GUARD_TAIL:.0%} tail where further,"))
    return bounds


def _limit(group: Group, measure: str, side: Side, bound: float, rule: str, values: Values) -> Limit:
    spread = round(float(np.subtract(*np.quantile(values, (0.75, 0.25)))), 4)
    source = f"{rule} of {len(values)} clean clips"
    return Limit(measure, side, round(bound, 4), source, spread or abs(bound), **vars(group))


def _values(heard: Sequence[Measures], measure: str) -> Values:
    return np.array([getattr(measures, measure) for measures in heard], np.float64)


def rejected_share(lines: Sequence[Line], limits: Limits, attempts: int, processes: int) -> list[float]:
    """Share of the lines still missing a limit after the first attempt, after the second, and so on."""
    missing, shares = list(lines), []
    for attempt in range(attempts):
        seeds = [derive_seed(line.seed, attempt) if attempt else line.seed for line in missing]
        tried = [replace(line, attempt=attempt, seed=seed) for line, seed in zip(missing, seeds, strict=True)]
        verdicts = [
            judge_line(line, measures, limits)
            for line, measures in zip(tried, hear_parallel(tried, processes), strict=True)
        ]
        missing = [line for line, verdict in zip(missing, verdicts, strict=True) if not verdict.accepted]
        shares.append(len(missing) / len(lines))
    return shares


def weights_digest() -> str:
    """Which nets the limits hold for: another recognizer hears other gaps, another speaker net other likenesses."""
    return sha256(phone_transcriber.WEIGHTS.read_bytes() + speaker_encoder.WEIGHTS.read_bytes()).hexdigest()


def as_toml(limits: Iterable[Limit], weights: str) -> str:
    """A profile's file, as `schemas.limits` reads it, and the digest of the nets' weights."""
    blocks = ["# Written by `python -m trainer.calibrate`; do not edit by hand.", f'weights = "{weights}"']
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

    weights = weights_digest()
    production = load_limits("production").table
    table = [limit for limit in production if limit.measure in AS_PUBLISHED]
    for group in GROUPS:
        table += fit(group, hear_parallel(clean_lines(FIT, group, CLIPS[group.style]), processes))
    TABLE.write_text(as_toml(table, weights), encoding="utf-8")
    limits = load_limits("embedded")
    print(f"{'share rejected after attempt':40}" + "".join(f"{n + 1:8}" for n in range(ATTEMPTS)))
    for group in GROUPS:
        lines = clean_lines(CHECK, group, CLIPS[group.style] // 2)
        shares = rejected_share(lines, limits, ATTEMPTS, processes)
        print(f"{group.kind + ' ' + group.language + ' ' + group.style:40}" + "".join(f"{s:8.3f}" for s in shares))


if __name__ == "__main__":
    main()
