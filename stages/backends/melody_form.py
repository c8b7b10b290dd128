"""Composes a whole song, phrase by phrase, as its form has it: new ones, ones that come back, ones that end anew."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from stages.backends.melody_phrase import Frame, Wish, compose_phrase, peak_place
from stages.backends.melody_rhythm import SongRhythm, Timing
from stages.backends.melody_rules import Cadence, Contour, Form, draw, draw_weighted

ECHO_SHARE = 0.5
ECHO_STEPS = (-2, -1, 1, 2)
KEPT_SHARE = (0.4, 0.65)
"""How much of a phrase stays when it ends anew."""
MOST_SYLLABLES = 16
"""Of a phrase, which is a line of the lyric and is sung in one breath."""
SLURRED_BEATS = 0.5
MOST_ON_A_SYLLABLE = 3
OTHER_CLOSES: tuple[Cadence, ...] = ("half", "open", "open")


@dataclass(frozen=True)
class Phrase:
    timing: Timing
    degrees: tuple[int, ...]
    slurs: tuple[bool, ...]


@dataclass(frozen=True)
class Design:
    """What a song is made from. `slur_share`: of the notes that could be slurred, how many are."""

    form: Form
    rhythm: SongRhythm
    frame: Frame
    contours: tuple[Contour, ...]
    slur_share: float


def compose_song(random: np.random.Generator, design: Design) -> list[Phrase]:
    """The phrases of the form. Raises ValueError if no line keeps the rules, or a phrase is too long for a breath."""
    closes = _closes(random, design.form.phrases)
    made: dict[str, Phrase] = {}
    song: list[Phrase] = []
    for index, name in enumerate(design.form.phrases):
        if name not in made:
            timing = _timing(random, design, made, name)
            wish = Wish(
                timing=timing,
                cadence=closes[name],
                contour=draw_weighted(random, design.contours),
                after=song[-1].degrees[-1] if song else None,
                peak=peak_place(random, timing) if index == design.form.climax else None,
            )
            made[name] = _phrase(random, design, wish, made, name)
            if made[name].slurs.count(False) > MOST_SYLLABLES:
                raise ValueError(f"phrase {name} has more than {MOST_SYLLABLES} syllables")
        song.append(made[name])
    return song


def _closes(random: np.random.Generator, names: tuple[str, ...]) -> Mapping[str, Cadence]:
    """The last phrase ends on the tonic, the one before the middle on the dominant, others there or in between."""
    closes: dict[str, Cadence] = {name: draw(random, OTHER_CLOSES) for name in dict.fromkeys(names)}
    closes[names[len(names) // 2 - 1]] = "half"
    closes[names[-1]] = "full"
    return closes


def _timing(random: np.random.Generator, design: Design, made: Mapping[str, Phrase], name: str) -> Timing:
    if name[0] in made:
        return made[name[0]].timing
    return design.rhythm.timing(random, first=int(random.integers(2)) if made else 0)


def _phrase(random: np.random.Generator, design: Design, wish: Wish, made: Mapping[str, Phrase], name: str) -> Phrase:
    if name[0] in made:
        first = made[name[0]]
        count = round(len(first.degrees) * random.uniform(*KEPT_SHARE))
        degrees = compose_phrase(random, design.frame, replace(wish, kept=dict(enumerate(first.degrees[:count]))))
        return Phrase(wish.timing, tuple(degrees), first.slurs)
    if made and random.random() < ECHO_SHARE:
        wish = replace(wish, echoed=_opening(random, design, wish.timing, made["A"]))
    degrees = compose_phrase(random, design.frame, wish)
    if random.random() < ECHO_SHARE:
        degrees = _sequenced(random, design, wish, degrees)
    return Phrase(wish.timing, tuple(degrees), _slurs(random, design, wish.timing, degrees))


def _opening(random: np.random.Generator, design: Design, timing: Timing, other: Phrase) -> dict[int, int]:
    """The other phrase's first bar, a few steps up or down, where the rhythm is the same."""
    shift, bar_beats = draw(random, ECHO_STEPS), design.frame.meter.bar_beats
    places = [place for place, onset in enumerate(timing.onsets) if onset < bar_beats]
    if timing.onsets[: len(places)] != other.timing.onsets[: len(places)]:
        return {}
    return {place: other.degrees[place] + shift for place in places}


def _sequenced(random: np.random.Generator, design: Design, wish: Wish, degrees: list[int]) -> list[int]:
    """The phrase drawn again, so that bars with the rhythm of its first one are likely to be its sequence."""
    bar_beats = design.frame.meter.bar_beats
    first = wish.timing.in_bar(0, bar_beats)
    echoed: dict[int, int] = {}
    for bar in range(1, design.rhythm.bars - 1):
        places = wish.timing.in_bar(bar, bar_beats)
        if [wish.timing.beats[place] for place in places] == [wish.timing.beats[place] for place in first]:
            shift = draw(random, ECHO_STEPS)
            echoed |= {place: degrees[model] + shift for place, model in zip(places, first, strict=True)}
    if not echoed:
        return degrees
    kept = dict(enumerate(degrees[: first[-1] + 1]))
    if wish.peak is not None:
        kept.pop(wish.peak, None)
    return compose_phrase(random, design.frame, replace(wish, kept=kept, echoed=echoed))


def _slurs(random: np.random.Generator, design: Design, timing: Timing, degrees: list[int]) -> tuple[bool, ...]:
    """Short notes off the strong beats that move on by a step or skip may be held on the syllable before."""
    slurs = [False] * len(timing)
    for place in range(1, len(timing) - 1):
        fits = (
            timing.beats[place] <= SLURRED_BEATS
            and timing.onsets[place] % design.frame.meter.span != 0
            and 1 <= abs(degrees[place] - degrees[place - 1]) <= 2
            and not all(slurs[max(place - MOST_ON_A_SYLLABLE + 1, 0) : place])
        )
        slurs[place] = fits and bool(random.random() < design.slur_share)
    return tuple(slurs)
