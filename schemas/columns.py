"""The Arrow columns of every table, as `datasets` features: what is stored, and what `load_dataset` gives back.

Audio is kept as FLAC bytes in the `Audio(decode=False)` feature, so that reading needs no decoder; codes are
undelayed, uint16 [T, K].
"""

import json
from typing import Any

import pyarrow as pa
from datasets import Audio, Features, List, Value

from schemas.score import Song
from schemas.script import Character
from schemas.take import MEASURES, SAMPLE_RATE

TABLES = ("dialogues", "utterances", "rejects")

_TEXT = Value("string")
_SECONDS = Value("float64")
_COUNT = Value("int32")


def _struct(names: tuple[str, ...], value: Any) -> dict[str, Any]:
    return {name: value for name in names}


_CHARACTER = _struct((*(name for name in Character.model_fields if name != "language"), "description"), _TEXT) | {
    "voice_id": _TEXT,
    "engine": _TEXT,
    "traits": List({"name": _TEXT, "value": Value("float64")}),
    "speaker_vector": List(Value("float32")),
}

_HEAD = _struct(("dialogue_id", "kind", "language", "split", "scene", "setting", "topic"), _TEXT)

_PERFORMANCE = {
    "utterance_id": _TEXT,
    "turn_index": _COUNT,
    "role": _TEXT,
    "text": _TEXT,
    "spoken": _TEXT,
    "intent": _TEXT,
    "emotion": _TEXT,
    "intensity": _COUNT,
    "style": _TEXT,
    "pace": _TEXT,
    "pause_before_s": _SECONDS,
    "overlap": _TEXT,
    "thought": _TEXT,
    "action": _TEXT,
    "song": _struct(tuple(name for name in Song.model_fields if name not in ("score", "hummed")), _TEXT)
    | {"hummed": Value("bool")},
}


_MADE = {
    "dropped_tags": List(_TEXT),
    "surroundings": _struct(("rt60_s", "wet_db", "snr_db"), Value("float64")) | {"noise": _TEXT},
}
"""What became of a turn's text and sound on the way."""

_PHONES = {"phones": List({"label": _TEXT, "start_s": _SECONDS, "end_s": _SECONDS})}

_MUSIC = {
    "score": {
        "tempo_bpm": Value("float64"),
        "tonic": _TEXT,
        "mode": _TEXT,
        "beats_per_bar": _COUNT,
        "beat_unit": _COUNT,
        "score_start_s": _SECONDS,
        "notes": List(
            {
                "midi": _COUNT,
                "onset_beats": Value("float64"),
                "duration_beats": Value("float64"),
                "syllable": _TEXT,
                "slur": Value("bool"),
                "breath": Value("bool"),
                "start_s": _SECONDS,
                "end_s": _SECONDS,
                "pitch_error_cents": Value("float64"),
                "onset_error_s": _SECONDS,
            }
        ),
    },
    "midi": Value("binary"),
}
"""What is sung, and how each note was heard (`schemas.take.SungNote`); null for what is spoken."""

NUM_COMPARED = 6
"""Decimal places kept of every measured number: finer digits are noise."""


def rounded(value: float | None) -> float | None:
    """A measured number as a column keeps it."""
    return None if value is None else round(float(value), NUM_COMPARED)


_CODEC = {
    "name": _TEXT,
    "revision": _TEXT,
    "sample_rate": _COUNT,
    "frame_rate": Value("float64"),
    "num_codebooks": _COUNT,
    "cardinality": _COUNT,
}
"""What turns codes back into sound; the revision is a digest of the codec's weights."""


def _codes(num_codebooks: int) -> Any:
    return List(List(Value("uint16"), length=num_codebooks))


def utterance_features(num_codebooks: int) -> Features:
    """One row a take: also the schema of the chunks in the work folder."""
    return Features(
        _HEAD
        | _PERFORMANCE
        | {
            "take_id": _TEXT,
            "attempt": _COUNT,
            "character": _CHARACTER,
            "audio": Audio(sampling_rate=SAMPLE_RATE, decode=False),
            "duration_s": _SECONDS,
            "native_rate_hz": _COUNT,
        }
        | _MADE
        | _PHONES
        | _MUSIC
        | {
            "reference": _TEXT,
            "hypothesis": _TEXT,
            "heard_tags": List(_TEXT),
            "measures": _struct(MEASURES, Value("float64")),
            "codes": _codes(num_codebooks),
            "codec": _CODEC,
        }
    )


def reject_features(num_codebooks: int) -> Features:
    """A take or a written turn that is not in the corpus, and why. Turns never performed have no audio."""
    return Features(utterance_features(num_codebooks) | {"rejected_by": _TEXT, "reason": _TEXT})


def dialogue_features(num_codebooks: int) -> Features:
    """One row a dialogue, training-ready: chat messages, and every turn's codes and place in time."""
    return Features(
        _HEAD
        | {
            "duration_s": _SECONDS,
            "characters": {"user": _CHARACTER, "assistant": _CHARACTER},
            "messages": List({"role": _TEXT, "content": _TEXT}),
            "turns": List(
                _PERFORMANCE
                | _MADE
                | _PHONES
                | {"score": _MUSIC["score"]}
                | {"start_s": _SECONDS, "duration_s": _SECONDS, "codes": _codes(num_codebooks)}
            ),
            "codec": _CODEC,
        }
    )


def table_features(table: str, num_codebooks: int) -> Features:
    """Features of one of TABLES."""
    makers = {"dialogues": dialogue_features, "utterances": utterance_features, "rejects": reject_features}
    return makers[table](num_codebooks)


LATER = ("heard_tags",)
LATER_MEASURES = (
    "repetition",
    "language_agrees",
    "compression_ratio",
    "mean_log_probability",
    "no_speech_probability",
)
"""Columns and measures that the first corpora lack; they are whole without them."""


def earlier_features(table: str, num_codebooks: int) -> Features:
    """Features of a table as the first corpora have it."""
    features = Features({name: it for name, it in table_features(table, num_codebooks).items() if name not in LATER})
    if "measures" in features:
        features["measures"] = _struct(tuple(m for m in MEASURES if m not in LATER_MEASURES), Value("float64"))
    return features


def arrow_schema(features: Features, metadata: dict[str, Any] | None = None) -> pa.Schema:
    """The Arrow schema, with what `datasets` needs and our own JSON metadata under the key `troupe`."""
    schema: pa.Schema = features.arrow_schema
    if metadata is None:
        return schema
    ours = {b"troupe": json.dumps(metadata, sort_keys=True).encode()}
    return schema.with_metadata({**(schema.metadata or {}), **ours})
