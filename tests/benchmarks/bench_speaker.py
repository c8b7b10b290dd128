"""How well the embedded speaker net tells voices apart: `python -m tests.benchmarks.bench_speaker`.

Characters and lines are of a namespace of their own. Every character says a line of its own in each of the ten
emotions, one in each style, and the reference of its voice. A trial is a pair of clips of one language; the equal error
rate is where as many pairs of one voice are refused as pairs of two are taken for one. Pairs across emotions never
share their emotion, so voices are told apart in spite of it.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from schemas.script import EMOTIONS, LANGUAGES, Character, Emotion, Language, Style
from schemas.take import SAMPLE_RATE, Line, Samples, Vector
from stages.backends.espeak_speech import EspeakSpeech
from stages.backends.speaker_encoder import SpeakerNetEncoder
from stages.cast_voices import heard_once
from trainer.clips import practice_character, practice_line

NAMESPACE = "speaker bench"
VOICES = 32
"""Characters a language."""
DELIVERIES: tuple[tuple[Emotion, Style], ...] = (
    *((emotion, "plain") for emotion in EMOTIONS),
    *(("neutral", "whisper"), ("neutral", "shout")),
)
OWN_TAIL = 0.05

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Heard:
    """One clip: who says what how, and its vector. A reference has no emotion."""

    character: Character
    emotion: Emotion | None
    style: Style
    vector: Vector

    @property
    def group(self) -> tuple[str, str]:
        return self.character.age, self.character.gender


Trial = Callable[[Heard, Heard], bool]


def bench_lines(engine: EspeakSpeech, language: Language, index: int) -> Iterator[Line]:
    """The lines of a character, intensities in turn."""
    character = practice_character(NAMESPACE, index, language)
    voice = engine.design(character)
    for place, (emotion, style) in enumerate(DELIVERIES):
        number = (index * len(DELIVERIES) + place) * len(LANGUAGES) + LANGUAGES.index(language)
        line = practice_line(engine, NAMESPACE, number, style=style)
        turn = line.turn.model_copy(update={"emotion": emotion, "intensity": 1 + (index + place) % 3})
        yield replace(line, turn=turn, character=character, voice=voice)


def listen(engine: EspeakSpeech, encoder: SpeakerNetEncoder, language: Language) -> tuple[list[Heard], list[Samples]]:
    """All clips of a language as heard, and as they are."""
    heard, clips = [], []
    for index in range(VOICES):
        lines = list(bench_lines(engine, language, index))
        voice = heard_once(engine, lines[0].character)
        assert voice.reference is not None
        clips += [voice.reference, *(performance.samples for performance in engine.synthesize(lines))]
        vectors = encoder.embed(clips[-1 - len(lines) :])
        heard.append(Heard(lines[0].character, None, "plain", vectors[0]))
        for line, vector in zip(lines, vectors[1:], strict=True):
            heard.append(Heard(line.character, line.turn.emotion, line.turn.style, vector))
    return heard, clips


def scores(heard: list[Heard], trial: Trial) -> tuple[Floats, Floats]:
    """Cosines of the pairs of one voice and of those of two, for which the trial holds one way or the other."""
    own, other = [], []
    for place, one in enumerate(heard):
        for two in heard[:place]:
            if trial(one, two) or trial(two, one):
                (own if one.character == two.character else other).append(float(one.vector @ two.vector))
    return np.array(own), np.array(other)


def equal_error_rate(own: Floats, other: Floats) -> float:
    """The mean of both error rates at the threshold where they are nearest."""
    thresholds = np.sort(np.concatenate([own, other]))
    refused = np.searchsorted(np.sort(own), thresholds) / len(own)
    taken = 1 - np.searchsorted(np.sort(other), thresholds) / len(other)
    nearest = int(np.argmin(np.abs(refused - taken)))
    return float(refused[nearest] + taken[nearest]) / 2


def across_emotions(one: Heard, two: Heard) -> bool:
    plain = one.style == two.style == "plain"
    return plain and one.emotion is not None and two.emotion is not None and one.emotion != two.emotion


def of_one_group(one: Heard, two: Heard) -> bool:
    """Impostors of the same age and gender only."""
    return across_emotions(one, two) and one.group == two.group


def neutral_to_others(one: Heard, two: Heard) -> bool:
    return across_emotions(one, two) and one.emotion == "neutral"


def in_style(style: Style) -> Trial:
    return lambda one, two: one.style == style and two.style == "plain" and two.emotion is not None


def to_references(one: Heard, two: Heard) -> bool:
    """What the pipeline does with every take, whatever its emotion and style."""
    return one.emotion is None and two.emotion is not None


TRIALS: dict[str, Trial] = {
    "across emotions": across_emotions,
    "… same age and gender": of_one_group,
    "neutral to others": neutral_to_others,
    "whisper to plain": in_style("whisper"),
    "shout to plain": in_style("shout"),
    "takes to references": to_references,
}


def main() -> None:
    engine, encoder = EspeakSpeech(), SpeakerNetEncoder()
    engine.open()
    encoder.open()
    heard, clips = zip(*(listen(engine, encoder, language) for language in LANGUAGES), strict=True)
    print(f"{VOICES} characters a language, {len(DELIVERIES)} clips each and a reference\n")
    print("| equal error rate | " + " | ".join(LANGUAGES) + " |\n|---|" + "---|" * len(LANGUAGES))
    for name, trial in TRIALS.items():
        rates = [equal_error_rate(*scores(spoken, trial)) for spoken in heard]
        print(f"| {name} | " + " | ".join(f"{rate:.3f}" for rate in rates) + " |")
    for language, spoken in zip(LANGUAGES, heard, strict=True):
        own, other = scores(spoken, to_references)
        low, high = np.quantile(own, OWN_TAIL), np.quantile(other, 1 - OWN_TAIL)
        print(f"{language}: own reference {np.median(own):.3f} ({OWN_TAIL:.0%} below {low:.3f}), ", end="")
        print(f"another's {np.median(other):.3f} ({OWN_TAIL:.0%} above {high:.3f})")
    started = time.process_time()
    encoder.embed([clip for spoken in clips for clip in spoken[:60]])
    seconds = sum(len(clip) for spoken in clips for clip in spoken[:60]) / SAMPLE_RATE
    print(f"{(time.process_time() - started) / seconds:.4f} CPU s per s of speech")
    encoder.close()
    engine.close()


if __name__ == "__main__":
    main()
