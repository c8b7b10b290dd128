"""`troupe evaluate`: how well a model speaks, reads, sings, listens and replies, on a split it was not trained on.

Judged by the pipeline's own ears: phone error rates by the embedded recognizer (tones of Mandarin left out), voices by
the embedded speaker net, melodies by Praat's pitch against the score. Beside every figure of speech stand two controls:
`ceiling`, the corpus' own codes decoded, and `floor`, what the model says where it is given another sample's text,
score or voice. Sentences that the train split holds too are left out.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soxr
import torch
from numpy.typing import NDArray
from rapidfuzz.distance import Levenshtein

from schemas.recipe import BackendChoice
from schemas.score import Note, Score
from schemas.take import SAMPLE_RATE, Samples
from stages.backends.protocols import Hearing
from stages.backends.registry import load
from stages.sung_pitch import expected, frame_measures, track_song
from trainer.generate import Decoding
from trainer.packing import collate, stream
from trainer.samples import TASKS, Sample, asr, chat, in_units, samples
from trainer.speak import Speaker, Spoken

Row = Mapping[str, Any]
Say = Callable[["Line", "Line"], Spoken]
"""Says the second line's text in the first one's voice."""
Figures = dict[str, Any]


@dataclass(frozen=True)
class Line:
    """One turn of the split, with the row it is from."""

    row: Row
    turn: Row

    @property
    def language(self) -> str:
        """The row's."""
        language: str = self.row["language"]
        return language

    @property
    def speaker(self) -> NDArray[np.float32]:
        """The vector [D] of who says it."""
        return np.asarray(self.row["characters"][self.turn["role"]]["speaker_vector"], np.float32)

    @property
    def codes(self) -> NDArray[np.uint16]:
        """The corpus' own [T, K]."""
        return np.asarray(self.turn["codes"], np.uint16)


def evaluate(
    folder: Path, corpus: str, split: str = "test", count: int = 100, decoding: Decoding | None = None
) -> Figures:
    """All figures, of at most `count` samples of each task, the first of the split."""
    judge = Judge(Speaker.open(folder, decoding))
    rows = list(stream(corpus, split))
    known = {turn["text"] for row in stream(corpus, "train") for turn in row["turns"]}
    lines = [Line(row, turn) for row in rows for turn in row["turns"] if turn["text"] not in known]
    plain = [line for line in lines if line.turn["song"] is None and line.turn["style"] == "plain"][:count]
    sung = [line for line in lines if line.turn["song"] is not None and not line.turn["song"]["hummed"]][:count]
    return {
        "split": {"name": split, "dialogues": len(rows), "unseen sentences": len(plain), "unseen songs": len(sung)},
        "loss": judge.losses(rows[:count]),
        "reading": judge.speech(plain, judge.read),
        "tts": judge.speech(plain, judge.tts),
        "singing": judge.singing(sung),
        "asr": judge.recognition(plain),
        "replies": judge.replies(rows[:count]),
    }


class Judge:
    """A model and who listens to it."""

    def __init__(self, speaker: Speaker) -> None:
        self.speaker, self.model = speaker, speaker.generator.model
        self.ears = load("transcription", BackendChoice(name="phone-ctc"))
        self.encoder = load("speaker", BackendChoice(name="speaker-net"))
        self.ears.open()
        self.encoder.open()

    @torch.inference_mode()
    def losses(self, rows: Sequence[Row]) -> Figures:
        """Teacher-forced loss by task: that of training, and each stream's."""
        found: dict[str, list[torch.Tensor]] = {task: [] for task in TASKS}
        for row in rows:
            for sample in samples(row):
                batch = collate([self.speaker.maker.sequence(sample)], self.speaker.maker)
                found[sample.task].append(self.model(**batch).losses)
        figures = {}
        for task, losses in found.items():
            if losses:
                streams = torch.stack(losses).nanmean(0)
                rest = streams[1:].nan_to_num()
                total = streams[0] + (rest.mean() if len(rest) else 0.0)
                figures[task] = {"loss": _short(total), "streams": [_short(value) for value in streams]}
        return figures

    def speech(self, lines: Sequence[Line], say: Say) -> Figures:
        """Phone error rate by language and speaker similarity of what is spoken, beside its controls."""
        said = [say(line, line) for line in lines]
        shuffled = [say(line, other) for line, other in _with_others(lines)]
        return {
            "model": self._heard(lines, [self._sound(spoken) for spoken in said])
            | {"ended": _share(spoken.reply.ended for spoken in said)},
            "ceiling": self._heard(lines, [self._decoded(line.codes) for line in lines]),
            "floor": self._heard(lines, [self._sound(spoken) for spoken in shuffled]),
        }

    def singing(self, lines: Sequence[Line]) -> Figures:
        """Raw pitch accuracy against the score and phone error rate of what is sung, beside the controls."""
        sides = {
            "model": [self._sound(self.read(line, line)) for line in lines],
            "ceiling": [self._decoded(line.codes) for line in lines],
            "floor": [self._sound(self.read(line, other)) for line, other in _with_others(lines)],
        }
        return {name: self._sung(lines, side) for name, side in sides.items()}

    def read(self, voice: Line, text: Line) -> Spoken:
        """A line's text, or its score, in the voice of a line: the task `reading`."""
        if text.turn["score"]:
            return self.speaker.sing_column(text.turn["score"], voice.speaker)
        return self.speaker.read_units(in_units(text.turn["spoken"], text.language), voice.speaker)

    def tts(self, voice: Line, text: Line) -> Spoken:
        """The same for the task `tts`."""
        return self.speaker.tts(text.turn["text"], voice.speaker)

    def recognition(self, lines: Sequence[Line]) -> Figures:
        """Character error rate of what is written down, by language; the floor is the text of another line."""
        edits: dict[str, list[tuple[int, int, int]]] = {}
        for line, other in _with_others(lines):
            reply = self.speaker.generator.reply(self._prompt(asr(line.turn)), audio=False)
            wanted, got = line.turn["text"], self.speaker.spelled(reply)
            distances = Levenshtein.distance(wanted, got), Levenshtein.distance(wanted, other.turn["text"])
            edits.setdefault(line.language, []).append((*distances, len(wanted)))
        return {
            language: {"model": _short(sums[0] / sums[2]), "floor": _short(sums[1] / sums[2])}
            for language, sums in ((language, np.sum(counts, axis=0)) for language, counts in edits.items())
        }

    def replies(self, rows: Sequence[Row]) -> Figures:
        """Free replies to the first user turn of each dialogue, which is heard: how many are well formed, and how
        many of a character's are nearer to its own voice than to that of another character of its language."""
        formed: dict[str, list[bool]] = {}
        nearer, first = [], []
        voices = _characters(rows)
        for row in rows:
            sample = _opening(row)
            reply = self.speaker.generator.reply(self._prompt(sample))
            formed.setdefault(row["kind"], []).append(reply.well_formed)
            samples = self._sound(self.speaker.spoken(reply))
            others = [vector for name, vector in voices.get(row["language"], {}).items() if name != _who(row)]
            if row["kind"] == "roleplay" and len(samples) and others:
                heard = self._vector(samples)
                own = float(heard @ sample.speaker)
                nearer += [own > float(heard @ other) for other in others]
                first.append(own > max(float(heard @ other) for other in others))
        return {
            "well formed": {kind: _share(shares) for kind, shares in formed.items()}
            | {"all": _share(one for shares in formed.values() for one in shares)},
            "nearer to its own voice than to another": _share(nearer),
            "nearest to its own voice of all": _share(first),
            "roles": len(first),
        }

    def _sound(self, spoken: Spoken) -> Samples:
        """At 24 kHz."""
        return soxr.resample(spoken.samples, spoken.rate_hz, SAMPLE_RATE) if len(spoken.samples) else spoken.samples

    def _prompt(self, sample: Sample) -> Any:
        """Everything before the sample's last message, and the head of that."""
        before = Sample(sample.sample_id, sample.task, sample.messages[:-1], sample.speaker)
        return self.speaker.maker.prompt(before)

    def _decoded(self, codes: NDArray[np.uint16]) -> Samples:
        codec = self.speaker.codec
        return soxr.resample(codec.decode([codes])[0], codec.sample_rate, SAMPLE_RATE)

    def _vector(self, samples: Samples) -> NDArray[np.float32]:
        vector: NDArray[np.float32] = self.encoder.embed([samples])[0]
        return vector

    def _heard(self, lines: Sequence[Line], audio: Sequence[Samples]) -> Figures:
        """Phone error rates, and similarity to the wanted voice where anything sounds."""
        hearings = self._hearings(lines, audio)
        similarities = [
            float(self._vector(samples) @ line.speaker)
            for line, samples in zip(lines, audio, strict=True)
            if len(samples)
        ]
        return _phone_error_rates(lines, hearings) | {
            "speaker similarity": _short(np.mean(similarities)) if similarities else None
        }

    def _hearings(self, lines: Sequence[Line], audio: Sequence[Samples]) -> list[Hearing]:
        """What the recognizer hears. Where nothing sounds it hears a tenth of a second of silence."""
        audio = [samples if len(samples) else np.zeros(SAMPLE_RATE // 10, np.int16) for samples in audio]
        sung = [line.turn["song"] is not None for line in lines]
        spoken = [line.turn["spoken"] for line in lines]
        heard: list[Hearing] = self.ears.transcribe(audio, spoken, [line.language for line in lines], sung)
        return heard

    def _sung(self, lines: Sequence[Line], audio: Sequence[Samples]) -> Figures:
        accuracies = []
        for line, sound in zip(lines, audio, strict=True):
            score, start_s = score_of(line.turn["score"]), line.turn["score"]["score_start_s"] or 0.0
            whole = max(0, round((start_s + score.duration_s) * SAMPLE_RATE) - len(sound))
            heard_hz = track_song(np.pad(sound, (0, whole)), score)
            measures = frame_measures(heard_hz, expected(score, start_s, len(heard_hz)))
            accuracies.append(measures["raw_pitch_accuracy"])
        accuracy = _short(np.mean(accuracies)) if accuracies else None
        return {"raw pitch accuracy": accuracy} | _phone_error_rates(lines, self._hearings(lines, audio))


def score_of(column: Row) -> Score:
    """A row's score column as a Score."""
    notes = [{name: note[name] for name in Note.model_fields} for note in column["notes"]]
    return Score.model_validate({name: column[name] for name in Score.model_fields} | {"notes": notes})


def table(figures: Figures) -> str:
    """The figures as a table in Markdown."""
    split = dict(figures["split"])
    counts = ", ".join(f"{count} {name}" for name, count in split.items() if name != "name")
    lines = [f"Split {split['name']}: {counts}.", "", "| figure | model | ceiling | floor |", "|---|---|---|---|"]
    for task in ("reading", "tts", "singing"):
        for name in figures[task]["model"]:
            cells = [figures[task][side].get(name, "") for side in ("model", "ceiling", "floor")]
            lines.append(f"| {task}: {name} | " + " | ".join(map(str, cells)) + " |")
    for language, rates in figures["asr"].items():
        lines.append(f"| asr: character error rate, {language} | {rates['model']} | | {rates['floor']} |")
    for kind, share in figures["replies"]["well formed"].items():
        lines.append(f"| replies: well formed, {kind} | {share} | | |")
    nearer = ("nearer to its own voice than to another", "nearest to its own voice of all")
    roles = figures["replies"]["roles"]
    lines += [f"| {roles} roles: {name} | {figures['replies'][name]} | | |" for name in nearer]
    lines += [f"| loss: {task} | {losses['loss']} | | |" for task, losses in figures["loss"].items()]
    return "\n".join(lines)


def _with_others(lines: Sequence[Line]) -> list[tuple[Line, Line]]:
    """Each line with another of its language (itself if it is the only one): the next one."""
    by_language: dict[str, list[Line]] = {}
    for line in lines:
        by_language.setdefault(line.language, []).append(line)
    others = {id(a): b for own in by_language.values() for a, b in zip(own, [*own[1:], own[0]], strict=True)}
    return [(line, others[id(line)]) for line in lines]


def _opening(row: Row) -> Sample:
    """A chat up to the assistant's first reply."""
    sample = chat(row)
    end = next(i for i, message in enumerate(sample.messages) if message.role == "assistant")
    return Sample(sample.sample_id, sample.task, sample.messages[: end + 1], sample.speaker)


def _characters(rows: Iterable[Row]) -> dict[str, dict[str, NDArray[np.float32]]]:
    """Speaker vectors of the characters of role-play, by language and id."""
    found: dict[str, dict[str, NDArray[np.float32]]] = {}
    for row in rows:
        if row["kind"] == "roleplay":
            vector = np.asarray(row["characters"]["assistant"]["speaker_vector"], np.float32)
            found.setdefault(row["language"], {})[_who(row)] = vector
    return found


def _who(row: Row) -> str:
    name: str = row["characters"]["assistant"]["character_id"]
    return name


def _phone_error_rates(lines: Sequence[Line], hearings: Sequence[Hearing]) -> Figures:
    """Phone edits over reference phones, without tones, by language."""
    counts: dict[str, list[tuple[int, int]]] = {}
    for line, hearing in zip(lines, hearings, strict=True):
        heard, reference = (
            [phone for phone in text.split() if not phone.isdigit()] for text in (hearing.hypothesis, hearing.reference)
        )
        counts.setdefault(line.language, []).append((Levenshtein.distance(heard, reference), len(reference)))
    sums = {language: np.sum(own, axis=0) for language, own in sorted(counts.items())}
    return {f"phone error rate, {language}": _short(edits / phones) for language, (edits, phones) in sums.items()}


def _share(values: Iterable[bool]) -> float | None:
    counted = list(values)
    return _short(np.mean(counted)) if counted else None


def _short(value: Any) -> float:
    return round(float(value), 4)
