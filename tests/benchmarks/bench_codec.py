"""What the embedded codec costs and keeps of voices, texts and songs that it was not trained on.

`python -m tests.benchmarks codec`; `python -m tests.benchmarks.bench_codec FOLDER` measures the wav files of a folder,
recorded speech say, instead. Pitch is compared by Praat's autocorrelation tracker, which the codec itself does not use
(it hears with dio). Gross error: share of frames voiced in both that are off by more than 20 % (Rabiner et al. 1976);
median and rms are over the others. Words are heard by the embedded recognizer, voices by the embedded speaker net,
neither of which ever heard the codec; emotions by the discriminant of `bench_expression`, fitted on clips that did not
go through the codec, and a second time on clips that did.
"""

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from schemas.script import EMOTIONS, LANGUAGES, Language
from schemas.seeds import derive_seed
from schemas.take import SAMPLE_RATE, Line, Samples, Take
from stages.backends.codec_features import log_mel, to_waveform
from stages.backends.espeak_singing import EspeakSinging
from stages.backends.espeak_speech import EspeakSpeech
from stages.backends.kmeans_codec import KmeansCodec
from stages.backends.phone_transcriber import PhoneTranscriber
from stages.backends.song_variants import transposed
from stages.backends.speaker_encoder import SpeakerNetEncoder
from stages.score_singing import ScoreSinging
from stages.sung_pitch import track_song
from tests.benchmarks import bench_expression, bench_speaker
from tests.benchmarks.acoustics import heard
from tests.benchmarks.bench_recognizer import error_rate
from tests.benchmarks.bench_singing import takes_of
from trainer.clips import Clip, make_clips
from trainer.sung_clips import practice_song

NAMESPACE = "bench codec"
CLIPS = 160
SONGS = 24
VOICES = 12
"""Characters a language, each with a line in every emotion: for voices, and to fit emotions on."""
JUDGED_VOICES = 24
"""Further characters a language, whose emotions are judged."""
HIGH_MIDI = 83
"""B5, 988 Hz: the highest note of songs that are also sung as high as any voice goes."""
GROSS_RATIO = 1.2
FRAME_S = 0.01
F0_FLOOR_HZ, F0_CEILING_HZ = 60.0, 700.0
SILENCE_DB = 45.0
"""A code is silent where its loudest frame lies so far below the loudest of its clip."""

RoundTrip = Callable[[Samples], Samples]
Curve = NDArray[np.float64]


def round_trip(codec: KmeansCodec, samples: Samples) -> Samples:
    """int16 [N] at 24 kHz through the codec and back."""
    decoded = codec.decode([codec.encode([samples])[0].values])[0]
    return soxr.resample(decoded, codec.sample_rate, SAMPLE_RATE)[: len(samples)]


def praat_f0(samples: Samples) -> Curve:
    """f0 in Hz every 10 ms from the start of the clip, 0 where unvoiced."""
    import parselmouth

    sound = parselmouth.Sound(samples.astype(np.float64) / 32768.0, SAMPLE_RATE)
    pitch = sound.to_pitch_ac(FRAME_S, pitch_floor=F0_FLOOR_HZ, pitch_ceiling=F0_CEILING_HZ)
    f0_hz: Curve = pitch.selected_array["frequency"]
    return np.concatenate([np.zeros(round(pitch.x1 / FRAME_S)), f0_hz])


def pitch_errors(curves: Sequence[tuple[Curve, Curve]]) -> dict[str, float]:
    """Errors over all frames of pairs of f0 curves in Hz, 0 where unvoiced."""
    wanted, got = (np.concatenate(side) for side in zip(*((a[: len(b)], b[: len(a)]) for a, b in curves), strict=True))
    both = (wanted > 0) & (got > 0)
    cents = np.abs(1200 * np.log2(got[both] / wanted[both]))
    gross = cents > 1200 * np.log2(GROSS_RATIO)
    return {
        "f0 median error, cents": float(np.median(cents[~gross])),
        "f0 rms error, cents": float(np.sqrt(np.mean(cents[~gross] ** 2))),
        "gross pitch error": float(gross.mean()),
        "voicing error": float(np.mean((wanted > 0) != (got > 0))),
    }


def closeness(pairs: Sequence[tuple[Samples, Samples]]) -> dict[str, float]:
    """STOI (Taal et al. 2011; of clips of a second or more, as it needs), and the mean distance of log-mel bands at
    16 kHz over frames that are not silent."""
    from pystoi import stoi

    intelligible, distances = [], []
    for before, after in pairs:
        wanted, got = to_waveform(before), to_waveform(after)
        if len(before) >= SAMPLE_RATE:
            intelligible.append(stoi(wanted, got, 16_000))
        mel, other = log_mel(wanted), log_mel(got)
        loud = mel.max(axis=1) > mel.max() - SILENCE_DB / 4.343
        distances.append(4.343 * np.abs(mel - other)[loud].mean())
    return {"STOI": float(np.mean(intelligible)), "mel distance, dB": float(np.mean(distances))}


def perplexity(codes: NDArray[np.uint16]) -> float:
    shares = np.bincount(codes, minlength=1024) / len(codes)
    return float(np.exp(-(shares[shares > 0] * np.log(shares[shares > 0])).sum()))


def code_usage(codec: KmeansCodec, clips: Sequence[Samples]) -> dict[str, float]:
    """Perplexity of each codebook: mel books over codes that are not silent, prosody books over codes with voicing."""
    frames, loud, voiced = [], [], []
    for samples in clips:
        values = codec.encode([samples])[0].values
        waveform = to_waveform(samples)
        peaks = log_mel(waveform).reshape(len(values), -1).max(axis=1)
        f0_hz = np.zeros(8 * len(values))
        track = praat_f0(samples)[: len(f0_hz)]
        f0_hz[: len(track)] = track
        frames.append(values)
        loud.append(peaks > peaks.max() - SILENCE_DB / 4.343)
        voiced.append((f0_hz.reshape(-1, 8) > 0).any(axis=1))
    codes, is_loud, is_voiced = (np.concatenate(parts) for parts in (frames, loud, voiced))
    usage = {f"codebook {book}, of {is_loud.sum()} codes": perplexity(codes[is_loud, book]) for book in range(6)}
    for book in (6, 7):
        usage[f"codebook {book}, of {is_voiced.sum()} codes"] = perplexity(codes[is_voiced, book])
        usage[f"codebook {book}, share of its 1024 codes seen"] = len(np.unique(codes[:, book])) / 1024
    return usage


def report(figures: dict[str, float]) -> None:
    for name, value in figures.items():
        print(f"{name:52} {value:10.4g}", flush=True)


def report_speech(codec: KmeansCodec) -> None:
    clips = list(make_clips(NAMESPACE, range(CLIPS)))
    seconds = sum(len(clip.samples) for clip in clips) / SAMPLE_RATE
    start_s = time.process_time()
    codes = [codec.encode([clip.samples])[0].values for clip in clips]
    encoded_s = time.process_time()
    decoded = codec.decode(codes)
    decoded_s = time.process_time()
    again = [
        soxr.resample(d, codec.sample_rate, SAMPLE_RATE)[: len(c.samples)] for c, d in zip(clips, decoded, strict=True)
    ]
    pairs = [(c.samples, a) for c, a in zip(clips, again, strict=True) if c.line.turn.style != "whisper"]
    print(f"speech: {len(clips)} clips, {seconds:.0f} s")
    report({"encode, CPU s per s": (encoded_s - start_s) / seconds, "decode": (decoded_s - encoded_s) / seconds})
    report(pitch_errors([(praat_f0(before), praat_f0(after)) for before, after in pairs]))
    report(closeness(pairs))
    report_words([(clip, samples) for clip, samples in zip(clips, again, strict=True)])


def report_words(clips: Sequence[tuple[Clip, Samples]]) -> None:
    """Phone error rates without tones before and after the codec, whispers left out."""
    ears = PhoneTranscriber()
    ears.open()
    for language in LANGUAGES:
        own = [(c, a) for c, a in clips if c.line.language == language and c.line.turn.style != "whisper"]
        rates = []
        for audio in ([clip.samples for clip, _ in own], [samples for _, samples in own]):
            texts, count = [clip.line.spoken for clip, _ in own], len(own)
            sung = [clip.line.turn.song is not None for clip, _ in own]
            rates.append(error_rate(ears.transcribe(audio, texts, [language] * count, sung), tones=False))
        print(f"{f'phone error rate, {language}':52} {rates[0]:.3f} -> {rates[1]:.3f}, {rates[1] - rates[0]:+.3f}")
    ears.close()


def sung_lines() -> list[Line]:
    """Songs in keys that suit their singers, and the same as high as voices go."""
    lines = [practice_song(NAMESPACE, index) for index in range(SONGS)]
    return [*lines, *map(as_high_as_possible, lines)]


def as_high_as_possible(line: Line) -> Line:
    song = line.turn.song
    assert song is not None
    score = transposed(song.score, HIGH_MIDI - max(note.midi for note in song.score.notes))
    turn = line.turn.model_copy(update={"song": song.model_copy(update={"score": score})})
    return replace(line, turn=turn, seed=derive_seed(line.seed, "high"))


def report_songs(codec: KmeansCodec) -> None:
    singer, gate = EspeakSinging(), ScoreSinging()
    singer.open()
    lines = sung_lines()
    takes = takes_of(zip(lines, singer.sing(lines), strict=True))
    singer.close()
    again = [replace(take, samples=round_trip(codec, take.samples)) for take in takes]
    for name, chosen in {"songs": slice(SONGS), "songs up to 988 Hz": slice(SONGS, None)}.items():
        before, after = takes[chosen], again[chosen]
        print(f"{name}: {len(before)}, {sum(take.duration_s for take in before):.0f} s")
        report(pitch_errors([(track(one), track(two)) for one, two in zip(before, after, strict=True)]))
        accuracy = [np.mean([t.measures.raw_pitch_accuracy for t in gate.process(side)]) for side in (before, after)]
        report({"raw pitch accuracy": float(accuracy[0]), "raw pitch accuracy lost": float(accuracy[0] - accuracy[1])})
        report(closeness([(one.samples, two.samples) for one, two in zip(before, after, strict=True)]))
        report_words([(Clip(t.line, t.samples, ()), a.samples) for t, a in zip(before, after, strict=True)])


def track(take: Take) -> Curve:
    song = take.line.turn.song
    assert song is not None
    return track_song(take.samples, song.score)


def emotional_lines(engine: EspeakSpeech, namespace: str, language: Language, voices: int) -> list[Line]:
    """A line in every emotion by each of so many characters, at intensities 2 and 3 in turn."""
    lines = []
    for index, (place, emotion) in product(range(voices), enumerate(EMOTIONS)):
        who = bench_expression.bench_character(namespace, index, language)
        text = bench_expression.bench_text(namespace, index * len(EMOTIONS) + place, language)
        lines.append(bench_expression.spoken_line(engine, who, text, emotion, 2 + (index + place) % 2))
    return lines


def speaker_auc(encoder: SpeakerNetEncoder, lines: Sequence[Line], clips: Sequence[Samples]) -> float:
    """Of cosines of pairs of one voice above those of pairs of two, across emotions."""
    vectors = encoder.embed(clips)
    said = [
        bench_speaker.Heard(line.character, "sentence", line.turn.emotion, vector)
        for line, vector in zip(lines, vectors, strict=True)
    ]
    own, other = bench_speaker.scores(said, bench_speaker.across_emotions)
    return float(roc_auc_score([1] * len(own) + [0] * len(other), np.concatenate([own, other])))


def report_voices(codec: KmeansCodec) -> None:
    """What is left of who speaks, and of how."""
    engine, encoder = EspeakSpeech(), SpeakerNetEncoder()
    engine.open()
    encoder.open()
    through = partial(round_trip, codec)
    for language in LANGUAGES:
        fit = emotional_lines(engine, f"{NAMESPACE} fit", language, VOICES)
        check = emotional_lines(engine, f"{NAMESPACE} check", language, JUDGED_VOICES)
        tables, clips = {}, {}
        for name, lines in {"fit": fit, "check": check}.items():
            plain = [performance.samples for performance in engine.synthesize(lines)]
            for side, audio in {"before": plain, "after": [through(samples) for samples in plain]}.items():
                clips[name, side] = audio
                texts = [line.spoken for line in lines]
                tables[name, side] = np.array(
                    [list(heard(a, t, language).values()) for a, t in zip(audio, texts, strict=True)]
                )
        auc = [speaker_auc(encoder, fit, clips["fit", side]) for side in ("before", "after")]
        wanted, labels = [line.turn.emotion for line in check], [line.turn.emotion for line in fit]
        right = {
            (fitted, side): np.mean(
                np.equal(bench_expression.classified(tables["fit", fitted], labels, tables["check", side]), wanted)
            )
            for fitted, side in (("before", "before"), ("before", "after"), ("after", "after"))
        }
        print(f"voices, {language}")
        report({"speaker AUC": auc[0], "speaker AUC lost": auc[0] - auc[1]})
        report({"emotion accuracy, of 10": float(right["before", "before"])})
        for name, key in {"lost": ("before", "after"), "lost, fitted on decoded clips": ("after", "after")}.items():
            report({f"emotion accuracy {name}": float(right["before", "before"] - right[key])})
    engine.close()
    encoder.close()


def report_usage(codec: KmeansCodec) -> None:
    clips = [clip.samples for clip in make_clips(NAMESPACE, range(CLIPS, 4 * CLIPS))]
    print("perplexity of the codes")
    report(code_usage(codec, clips))


def report_recordings(codec: KmeansCodec, folder: Path) -> None:
    pairs = []
    paths = sorted(folder.glob("*.wav"))
    if not paths:
        raise SystemExit(f"{folder}: there is no wav file here.")
    for path in paths:
        audio, rate = soundfile.read(path, dtype="int16", always_2d=True)
        audio = audio.mean(axis=1).astype(np.int16)
        samples = soxr.resample(audio, rate, SAMPLE_RATE)
        pairs.append((samples, round_trip(codec, samples)))
    seconds = sum(len(before) for before, _ in pairs) / SAMPLE_RATE
    print(f"recordings: {len(pairs)}, {seconds:.0f} s")
    report(pitch_errors([(praat_f0(before), praat_f0(after)) for before, after in pairs]))
    report(closeness(pairs))


def main(recordings: Path | None = None) -> None:
    codec = KmeansCodec()
    codec.open()
    round_trip(codec, np.zeros(SAMPLE_RATE, dtype=np.int16))  # imports and caches
    if recordings is not None:
        report_recordings(codec, recordings)
        return
    report_speech(codec)
    report_songs(codec)
    report_voices(codec)
    report_usage(codec)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
