"""What `troupe verify` asks of a row, wherever it stands: do audio and codes open, and last as long as it says? Is the
speaker's vector one, who is in a room, and is a song's score all there?"""

import io
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import soundfile
import soxr

from pipelines.manifests import Manifest
from pipelines.song_columns import score_of
from schemas.score_midi import from_midi
from schemas.take import SAMPLE_RATE, Samples
from stages.backends.protocols import AudioCodec
from stages.score_speaker import NORM_TOLERANCE
from stages.synthesize_singing import MAX_MISSING_S

DURATION_SLACK_S = 0.5 / SAMPLE_RATE
LEAST_EQUAL_CODES = 0.5
"""Another's codes agree by chance, a few in a hundred; another kind of processor rounds a few otherwise."""
LOUD_DB = 40.0


def check_audio(row: dict[str, Any]) -> Iterator[str]:
    try:
        samples, rate = soundfile.read(io.BytesIO(row["audio"]["bytes"]), dtype="int16")
    except soundfile.LibsndfileError as error:
        yield f"{row['take_id']}: audio does not open: {error.error_string}"
        return
    if rate != SAMPLE_RATE or abs(len(samples) / rate - row["duration_s"]) > DURATION_SLACK_S:
        seconds = len(samples) / rate
        yield f"{row['take_id']}: audio lasts {seconds:.3f} s at {rate} Hz, its row says {row['duration_s']}"


def check_codes(codes: list[list[int]], duration_s: float, codec: Manifest) -> Iterator[str]:
    """Shape and range; `codec` is the section of that name in a manifest."""
    values = np.asarray(codes)
    frames = math.ceil(round(duration_s * codec["frame_rate"], 6))
    if values.shape != (frames, codec["num_codebooks"]):
        yield f"codes have shape {values.shape}, not {(frames, codec['num_codebooks'])}"
    elif values.size and values.max() >= codec["cardinality"]:
        yield f"a code is {values.max()}, not below {codec['cardinality']}"


def check_decoding(row: dict[str, Any], codec: AudioCodec, distances_db: list[float]) -> Iterator[str]:
    """Whether its codes are those that its audio gets now, and what they decode to; audio and codes are sound.

    `codec` is open; `distances_db` gets how far the two sounds are apart.
    """
    codes, samples = np.asarray(row["codes"], dtype=np.uint16), _samples(row)
    equal = np.mean(codec.encode([samples])[0].values == codes)
    if equal < LEAST_EQUAL_CODES:
        yield f"{row['take_id']}: {equal:.0%} of its codes are those that its audio gets: they are another's"
    decoded = codec.decode([codes])[0]
    seconds = len(decoded) / codec.sample_rate
    if abs(seconds - row["duration_s"]) > 2 / codec.frame_rate:
        yield f"{row['take_id']}: its codes decode to {seconds:.2f} s, its audio lasts {row['duration_s']:.2f} s"
    elif not np.any(decoded):
        yield f"{row['take_id']}: its codes decode to silence"
    else:
        distances_db.append(band_distance_db(samples, soxr.resample(decoded, codec.sample_rate, SAMPLE_RATE)))


def band_distance_db(samples: Samples, others: Samples) -> float:
    """Mean distance of two sounds in 80 mel bands below 7.6 kHz, where the first is within LOUD_DB of its loudest."""
    from stages.backends.phone_features import log_mel, to_waveform

    bands, other_bands = (4.343 * log_mel(to_waveform(one)) for one in (samples, others))
    frames = min(len(bands), len(other_bands))
    loud = bands[:frames].max(axis=1) > bands.max() - LOUD_DB
    return float(np.abs(bands[:frames] - other_bands[:frames])[loud].mean())


def _samples(row: dict[str, Any]) -> Samples:
    samples: Samples = soundfile.read(io.BytesIO(row["audio"]["bytes"]), dtype="int16")[0]
    return samples


def check_speaker(character: dict[str, Any]) -> Iterator[str]:
    """`character`: the columns of one who has been performed."""
    norm = float(np.linalg.norm(np.asarray(character["speaker_vector"], dtype=np.float64)))
    if not abs(norm - 1) <= NORM_TOLERANCE:  # false for NaN too
        yield f"the speaker vector of {character['character_id']} has length {norm:.4g}, not 1"


def check_surroundings(turn: dict[str, Any]) -> Iterator[str]:
    """`turn`: a take, or a turn of a dialogue."""
    if turn["surroundings"] is not None and turn["role"] != "user":
        yield f"{turn['utterance_id']}: has surroundings, which only users have"


def check_song(row: dict[str, Any]) -> Iterator[str]:
    """`row`: a take. What is sung has a score that fits into the take, and a MIDI file with the same notes."""
    if len({row[column] is None for column in ("song", "score", "midi")}) > 1:
        yield f"{row['take_id']}: of song, score and midi some are there and some are not"
        return
    if row["song"] is None:
        return
    score = score_of(row)
    end_s = row["score"]["score_start_s"] + score.duration_s
    if end_s > row["duration_s"] + MAX_MISSING_S:
        yield f"{row['take_id']}: its score ends at {end_s:.2f} s, its audio at {row['duration_s']:.2f} s"
    try:
        written = from_midi(row["midi"]).notes
    except ValueError as error:
        yield f"{row['take_id']}: its MIDI file does not open: {error}"
        return
    if written != score.notes:
        yield f"{row['take_id']}: its MIDI file has other notes than its score"
