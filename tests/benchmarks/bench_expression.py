"""How well the embedded engine's voices and emotions are heard, by a linear discriminant and by a cited table of signs.

Fit and check share no character, text or seed. Characters are of any age and gender, with the grammar's words of
personality, temperament and timbre; texts are random words (trainer.clips). All features are of the clip alone.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from numpy.typing import NDArray

from schemas.script import AGES, EMOTIONS, GENDERS, LANGUAGES, Character, Emotion, Language, Turn
from schemas.seeds import derive_seed, generator
from schemas.tags import without_tags
from schemas.take import Line
from stages.backends.dnsmos_quality import DnsmosQuality
from stages.backends.espeak_speech import EspeakSpeech
from stages.backends.grammar_data import load_people
from stages.backends.world_expression import MAX_F0_HZ
from stages.score_pitch import track_f0
from tests.benchmarks.acoustics import heard
from trainer.clips import practice_text

FIT_CHARACTERS, CHECK_CHARACTERS = 24, 8
TEXTS = 4
"""Texts of a check character; the first is said at all intensities, the others at the middle one."""
PEOPLE = 160
"""Characters fitted on for age and gender, a neutral line each; half as many are checked."""
STYLED = 32
"""Characters whose whisper, shout, slow and fast lines are compared with their plain one."""
NEAR_CEILING = 0.99
LONG_ENOUGH = {"en": range(5, 11), "zh": range(8, 19)}
"""Words (English) or hanzi of a text: a word alone has no melody or rate of its own."""

UP, DOWN = 1, -1
SIGNS: dict[Emotion, dict[str, int]] = {
    # Against the same speaker's neutral. Juslin & Laukka 2003, Psychological Bulletin 129(5), table 11, decide where
    # they give a direction ("medium" is none); joy and boredom: Scherer 2003, Speech Communication 40, table 2;
    # contempt: Banse & Scherer 1996, J. Personality and Social Psychology 70(3); surprise, which these lack: Scherer &
    # Oshinsky 1977, Motivation and Emotion 1. What they leave open is left out.
    "happy": {"level_st": UP, "range_st": UP, "rate": UP, "energy_db": UP},
    "excited": {"level_st": UP, "range_st": UP, "rate": UP, "high_db": UP, "energy_db": UP},
    "sad": {"level_st": DOWN, "range_st": DOWN, "rate": DOWN, "high_db": DOWN, "energy_db": DOWN},
    "angry": {"level_st": UP, "range_st": UP, "rate": UP, "high_db": UP, "energy_db": UP},
    "fearful": {"level_st": UP, "range_st": DOWN, "rate": UP, "high_db": DOWN, "energy_db": DOWN},
    "surprised": {"level_st": UP, "range_st": UP, "rate": UP},
    "tender": {"level_st": DOWN, "range_st": DOWN, "rate": DOWN, "high_db": DOWN, "energy_db": DOWN},
    "contemptuous": {"level_st": DOWN},
    "tired": {"level_st": DOWN, "range_st": DOWN, "rate": DOWN},
}
CUES = ("level_st", "range_st", "rate", "high_db", "energy_db")

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Heard:
    """One clip: who says it, how, and what is heard."""

    character: Character
    text: int
    emotion: Emotion
    intensity: int
    features: dict[str, float]


def bench_character(namespace: str, index: int, language: Language) -> Character:
    """Ages and genders in turn, the other traits drawn from the grammar's lists."""
    traits = load_people(language)["traits"]
    random = generator("expression character", namespace, language, index)
    age, gender = AGES[index % len(AGES)], GENDERS[index // len(AGES) % len(GENDERS)]
    return Character(
        character_id=f"expression-{namespace}-{language}-c{index:04d}",
        name="",
        language=language,
        age=age,
        gender=gender,
        identity="",
        personality=random.choice(traits["personality"]),
        temperament=random.choice(traits["temperament"]),
        timbre=random.choice(traits["timbre"][gender]),
        pace=random.choice(traits["pace"]),
    )


def bench_text(namespace: str, index: int, language: Language) -> str:
    random = generator("expression text", namespace, language, index)
    while True:
        text = without_tags(practice_text(random, language))
        count = len(text.split()) if language == "en" else sum(map(str.isalpha, text))
        if count in LONG_ENOUGH[language]:
            return text


def spoken_line(
    engine: EspeakSpeech, character: Character, text: str, emotion: Emotion, intensity: int, **how: str
) -> Line:
    turn = Turn(role="user", text=text, intent="say", emotion=emotion, intensity=intensity, **how)  # type: ignore[arg-type]
    seed = derive_seed("expression", character.character_id, text, emotion, intensity, *sorted(how.values()))
    voice = engine.design(character)
    return Line("expression", 0, 0, seed, "roleplay", character.language, turn, text, character, voice)


def listen(
    engine: EspeakSpeech, character: Character, text: str, emotion: Emotion, intensity: int, **how: str
) -> tuple[dict[str, float], NDArray[np.int16]]:
    line = spoken_line(engine, character, text, emotion, intensity, **how)
    samples = engine.synthesize([line])[0].samples
    return heard(samples, text, character.language), samples


def takes(engine: EspeakSpeech, namespace: str, language: Language, characters: int, texts: int) -> list[Heard]:
    """Every emotion by every character: the first text at all intensities, further texts at the middle one."""
    made = []
    for index, place in product(range(characters), range(texts)):
        who, text = bench_character(namespace, index, language), bench_text(namespace, index * texts + place, language)
        for emotion, intensity in product(EMOTIONS, (1, 2, 3)):
            if intensity == 2 or (place == 0 and emotion != "neutral"):
                features, _ = listen(engine, who, text, emotion, intensity)
                made.append(Heard(who, place, emotion, intensity, features))
    return made


def table(clips: Sequence[Heard]) -> Matrix:
    return np.array([list(clip.features.values()) for clip in clips])


def classified(fit: Matrix, labels: Sequence[str], check: Matrix) -> list[str]:
    """Linear discriminant with equal priors: scatter within classes pooled, a hundredth of its diagonal added."""
    mean, deviation = fit.mean(axis=0), fit.std(axis=0) + 1e-9
    fit, check = (fit - mean) / deviation, (check - mean) / deviation
    names = sorted(set(labels))
    member = np.array(labels)
    centres = np.array([fit[member == name].mean(axis=0) for name in names])
    residual = fit - centres[[names.index(label) for label in labels]]
    within = residual.T @ residual / len(fit) + 0.01 * np.eye(fit.shape[1])
    weights = np.linalg.solve(within, centres.T)
    scores = check @ weights - 0.5 * np.einsum("cf,fc->c", centres, weights)
    return [names[place] for place in scores.argmax(axis=1)]


def accuracy(fit: Sequence[Heard], check: Sequence[Heard], label: Callable[[Heard], str]) -> tuple[float, list[str]]:
    found = classified(table(fit), [label(clip) for clip in fit], table(check))
    wanted = [label(clip) for clip in check]
    classes = sorted(set(wanted))
    hits = [np.mean([f == w for f, w in zip(found, wanted, strict=True) if w == name]) for name in classes]
    return float(np.mean(hits)), found


def relative(clips: Sequence[Heard]) -> list[Heard]:
    """The clips with the features of the same character's neutral lines (their mean) taken away."""
    own: dict[str, list[Matrix]] = {}
    for clip in clips:
        if clip.emotion == "neutral":
            own.setdefault(clip.character.character_id, []).append(np.array(list(clip.features.values())))
    moved = []
    for clip in clips:
        values = np.array(list(clip.features.values())) - np.mean(own[clip.character.character_id], axis=0)
        moved.append(replace(clip, features=dict(zip(clip.features, values, strict=True))))
    return moved


def _neutral(clips: Sequence[Heard]) -> dict[tuple[str, int], Heard]:
    return {(c.character.character_id, c.text): c for c in clips if c.emotion == "neutral"}


def agreements(clips: Sequence[Heard]) -> dict[tuple[str, str], list[bool]]:
    """Whether a clip differs from neutral (same text, same character) as the table says, by (emotion, cue)."""
    neutral = _neutral(clips)
    found: dict[tuple[str, str], list[bool]] = {}
    for clip in clips:
        plain = neutral[clip.character.character_id, clip.text].features
        for cue, sign in SIGNS.get(clip.emotion, {}).items():
            found.setdefault((clip.emotion, cue), []).append(sign * (clip.features[cue] - plain[cue]) > 0)
    return found


def ladders(clips: Sequence[Heard]) -> dict[tuple[str, str], list[bool]]:
    """Whether a cue goes further from 1 to 2 to 3, by (emotion, cue)."""
    at: dict[tuple[str, int, str], dict[int, dict[str, float]]] = {}
    for clip in clips:
        at.setdefault((clip.character.character_id, clip.text, clip.emotion), {})[clip.intensity] = clip.features
    found: dict[tuple[str, str], list[bool]] = {}
    for (_, _, emotion), steps in at.items():
        for cue, sign in SIGNS.get(emotion, {}).items() if len(steps) == 3 else ():
            low, middle, high = (sign * steps[intensity][cue] for intensity in (1, 2, 3))
            found.setdefault((emotion, cue), []).append(low < middle < high)
    return found


def spreads(clips: Sequence[Heard]) -> dict[tuple[str, str], float]:
    """Deviation of a cue over the texts of a character at the middle intensity, against that of its neutral."""
    found: dict[tuple[str, str], float] = {}
    for emotion, cue in product(EMOTIONS, CUES):
        rows: dict[str, list[float]] = {}
        for clip in clips:
            if clip.emotion == emotion and clip.intensity == 2:
                rows.setdefault(clip.character.character_id, []).append(clip.features[cue])
        found[emotion, cue] = float(np.sqrt(np.mean([np.var(values) for values in rows.values()])))
    return {(emotion, cue): value / found["neutral", cue] for (emotion, cue), value in found.items()}


def share(found: Iterable[Sequence[bool]]) -> float:
    return float(np.mean([hit for hits in found for hit in hits]))


def people(engine: EspeakSpeech, namespace: str, language: Language, count: int) -> list[Heard]:
    """A neutral line by each of `count` characters."""
    made = []
    for index in range(count):
        who, text = bench_character(namespace, index, language), bench_text(namespace, index, language)
        made.append(Heard(who, 0, "neutral", 2, listen(engine, who, text, "neutral", 2)[0]))
    return made


def report_people(engine: EspeakSpeech, language: Language) -> None:
    """Age and gender as one discriminant of the eight groups gives them."""
    fit = people(engine, "bench fit people", language, PEOPLE)
    check = people(engine, "bench check people", language, PEOPLE // 2)
    _, found = accuracy(fit, check, lambda clip: f"{clip.character.age} {clip.character.gender}")
    groups = [group.split() for group in found]
    for place, name in enumerate(("age", "gender")):
        right = np.mean([getattr(c.character, name) == group[place] for c, group in zip(check, groups, strict=True)])
        print(f"{name + ', one neutral line':44}{right:8.3f}")


def report_emotions(engine: EspeakSpeech, language: Language) -> None:
    fit = takes(engine, "bench fit", language, FIT_CHARACTERS, 1)
    check = takes(engine, "bench check", language, CHECK_CHARACTERS, TEXTS)
    for name, (one, other) in {
        "emotion of 10, from the clip alone": (fit, check),
        "emotion of 10, against the speaker's neutral": (relative(fit), relative(check)),
    }.items():
        right, found = accuracy(one, other, lambda clip: clip.emotion)
        by_intensity = (
            f"{np.mean([c.emotion == f for c, f in zip(other, found, strict=True) if c.intensity == i]):.2f}"
            for i in (1, 2, 3)
        )
        print(f"{name:44}{right:8.3f}  at intensity 1, 2, 3: {' '.join(by_intensity)}")
    every = fit + check
    signs, steps, spread = agreements(every), ladders(every), spreads(check)
    worst = min(signs, key=lambda cell: np.mean(signs[cell]))
    print(f"{'signs as cited':44}{share(signs.values()):8.3f}  worst: {worst} {np.mean(signs[worst]):.2f}")
    worst = min(steps, key=lambda cell: np.mean(steps[cell]))
    print(f"{'intensity 1 < 2 < 3':44}{share(steps.values()):8.3f}  worst: {worst} {np.mean(steps[worst]):.2f}")
    worst = min(spread, key=lambda cell: spread[cell])
    print(f"{'least spread within an emotion / neutral':44}{spread[worst]:8.3f}  {worst}")


def report_styles(engine: EspeakSpeech, quality: DnsmosQuality, language: Language) -> None:
    """Styles and paces against the plain line of the same speaker and text; medians."""
    ways: dict[str, dict[str, str]] = {"whisper": {"style": "whisper"}, "shout": {"style": "shout"}}
    ways |= {"slow": {"pace": "slow"}, "fast": {"pace": "fast"}}
    changes: dict[str, list[dict[str, float]]] = {way: [] for way in ways}
    scores, rates, high = [], [], []
    for index in range(STYLED):
        who, text = bench_character("bench styles", index, language), bench_text("bench styles", index, language)
        plain, samples = listen(engine, who, text, "neutral", 2)
        scores.append(quality.score([samples])[0]["dnsmos_ovrl"])
        rates.append(plain["rate"])
        for way, how in ways.items():
            other, _ = listen(engine, who, text, "neutral", 2, **how)
            moved = {name: other[name] - plain[name] for name in plain}
            changes[way].append(moved | {"pace": other["rate"] / plain["rate"]})
        if who.age == "child":
            f0_hz = track_f0(listen(engine, who, text, "excited", 3)[1])
            high.append(np.mean(f0_hz[f0_hz > 0] > NEAR_CEILING * MAX_F0_HZ))
    middle = {way: {name: np.median([row[name] for row in rows]) for name in rows[0]} for way, rows in changes.items()}
    quiet, loud = middle["whisper"], middle["shout"]
    print(f"{'whisper: voiced share, loudness':44}{quiet['voiced']:+8.2f} {quiet['loudness_lufs']:+.1f} dB")
    print(f"{'shout: f0, loudness':44}{loud['level_st']:+8.1f} st {loud['loudness_lufs']:+.1f} dB")
    print(f"{'slow and fast: rate':44}{middle['slow']['pace']:8.2f} {middle['fast']['pace']:.2f}")
    print(f"{'plain lines: DNSMOS OVRL, syllables/s':44}{np.median(scores):8.2f} {np.median(rates):.2f}")
    print(f"{'excited children, f0 at its ceiling':44}{np.mean(high):8.4f} of voiced frames")


def main() -> None:
    engine, quality = EspeakSpeech(), DnsmosQuality()
    engine.open()
    quality.open()
    for language in LANGUAGES:
        print(language)
        report_people(engine, language)
        report_emotions(engine, language)
        report_styles(engine, quality, language)
    engine.close()
    quality.close()
