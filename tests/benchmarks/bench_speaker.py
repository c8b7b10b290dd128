"""How well the embedded speaker net tells voices apart: `python -m tests.benchmarks.bench_speaker`.

Characters and texts are of a namespace of their own. Every character says a sentence of its own in each of the ten
emotions, one in each style, a single word, and the reference of its voice. A trial is a pair of clips of one language;
the equal error rate is where as many pairs of one voice are refused as pairs of two are taken for one. Pairs across
emotions never share their emotion: voices are told apart in spite of it.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from schemas.script import EMOTIONS, LANGUAGES, Character, Emotion, Language
from schemas.take import SAMPLE_RATE, Line, Samples, Vector
from stages.backends.espeak_speech import EspeakSpeech
from stages.backends.speaker_encoder import SpeakerNetEncoder
from stages.cast_voices import heard_once
from tests.benchmarks.bench_expression import bench_text
from trainer.clips import practice_character, practice_line

NAMESPACE = "speaker bench"
VOICES = 20
"""Characters a language."""
Said = Literal["sentence", "word", "whisper", "shout", "reference"]
DELIVERIES: tuple[tuple[Said, Emotion], ...] = (
    *(("sentence", emotion) for emotion in EMOTIONS),
    *(("word", "neutral"), ("whisper", "neutral"), ("shout", "neutral")),
)
TAIL = 0.05

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Heard:
    """One clip: who says it, what and how, and its vector."""

    character: Character
    said: Said
    emotion: Emotion
    vector: Vector

    @property
    def group(self) -> tuple[str, str]:
        return self.character.age, self.character.gender


Trial = Callable[[Heard, Heard], bool]


def bench_lines(engine: EspeakSpeech, language: Language, index: int) -> Iterator[Line]:
    """The lines of a character in the order of DELIVERIES, intensities in turn."""
    character = practice_character(NAMESPACE, index, language)
    for place, (said, emotion) in enumerate(DELIVERIES):
        number = index * len(DELIVERIES) + place
        text = bench_text(NAMESPACE, number, language)
        if said == "word":
            text = text.split()[0] if language == "en" else text[:2]
        style = said if said in ("whisper", "shout") else "plain"
        line = practice_line(
            engine, NAMESPACE, number * len(LANGUAGES) + LANGUAGES.index(language), style=style, spoken=text
        )
        turn = line.turn.model_copy(update={"emotion": emotion, "intensity": 1 + (index + place) % 3})
        yield replace(line, turn=turn, character=character, voice=engine.design(character))


def listen(engine: EspeakSpeech, language: Language, index: int) -> tuple[list[Line], list[Samples]]:
    """The lines of a character and their clips; the reference comes last, and has no line."""
    lines = list(bench_lines(engine, language, index))
    voice = heard_once(engine, lines[0].character)
    assert voice.reference is not None
    return lines, [*(performance.samples for performance in engine.synthesize(lines)), voice.reference]


def embedded(encoder: SpeakerNetEncoder, lines: list[Line], clips: list[Samples]) -> list[Heard]:
    deliveries: tuple[tuple[Said, Emotion], ...] = (*DELIVERIES, ("reference", "neutral"))
    vectors = zip(deliveries, encoder.embed(clips), strict=True)
    return [Heard(lines[0].character, said, emotion, vector) for (said, emotion), vector in vectors]


def scores(heard: list[Heard], trial: Trial) -> tuple[Floats, Floats]:
    """Cosines of the pairs of one voice and of those of two, for which the trial holds one way or the other."""
    own: list[float] = []
    other: list[float] = []
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
    return one.said == two.said == "sentence" and one.emotion != two.emotion


def of_one_group(one: Heard, two: Heard) -> bool:
    """Impostors of the same age and gender only."""
    return across_emotions(one, two) and one.group == two.group


def neutral_to_others(one: Heard, two: Heard) -> bool:
    return across_emotions(one, two) and one.emotion == "neutral"


def to_sentences(said: Said) -> Trial:
    return lambda one, two: one.said == said and two.said == "sentence"


def to_references(one: Heard, two: Heard) -> bool:
    """What the pipeline does with every take, whatever its emotion and style."""
    return one.said != "reference" and two.said == "reference"


TRIALS: dict[str, Trial] = {
    "across emotions": across_emotions,
    "… same age and gender": of_one_group,
    "… neutral to others": neutral_to_others,
    "whisper to plain": to_sentences("whisper"),
    "shout to plain": to_sentences("shout"),
    "a word to sentences": to_sentences("word"),
    "all takes to references": to_references,
}


def main() -> None:
    engine, encoder = EspeakSpeech(), SpeakerNetEncoder()
    engine.open()
    encoder.open()
    heard: dict[Language, list[Heard]] = {language: [] for language in LANGUAGES}
    spent_s = seconds = 0.0
    for language in LANGUAGES:
        for index in range(VOICES):
            lines, clips = listen(engine, language, index)
            started_s = time.process_time()
            heard[language] += embedded(encoder, lines, clips)
            spent_s += time.process_time() - started_s
            seconds += sum(map(len, clips)) / SAMPLE_RATE
    print(f"{VOICES} characters a language, {1 + len(DELIVERIES)} clips each, {seconds:.0f} s\n")
    print("| equal error rate | " + " | ".join(LANGUAGES) + " |\n|---|" + "---|" * len(LANGUAGES))
    for name, trial in TRIALS.items():
        rates = [equal_error_rate(*scores(heard[language], trial)) for language in LANGUAGES]
        print(f"| {name} | " + " | ".join(f"{rate:.3f}" for rate in rates) + " |")
    print("\n| cosine to references | median | tail |\n|---|---|---|")
    for language in LANGUAGES:
        own, other = scores(heard[language], to_references)
        print(f"| own, {language} | {np.median(own):.2f} | {TAIL:.0%} below {np.quantile(own, TAIL):.2f} |")
        print(
            f"| another's, {language} | {np.median(other):.2f} | {TAIL:.0%} above {np.quantile(other, 1 - TAIL):.2f} |"
        )
    print()
    print(f"{spent_s / seconds:.4f} CPU s per s of speech")
    encoder.close()
    engine.close()


if __name__ == "__main__":
    main()
