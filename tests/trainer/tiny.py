"""A tiny world to train in: rows of the dialogues table, a corpus of them on disk, a tokenizer of bytes, small models.

K = 4 codebooks of 32 codes, speaker vectors of 6 numbers.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray
from transformers import PreTrainedTokenizerBase, Qwen3Config

from schemas.columns import arrow_schema, dialogue_features
from schemas.seeds import generator
from schemas.tokens import TokenLayout
from trainer.model import SpokenConfig, SpokenModel
from trainer.samples import CHAT_SYSTEM
from trainer.text_tokens import train_tokenizer

CODEC = {
    "name": "fake",
    "revision": "fake-1",
    "sample_rate": 16_000,
    "frame_rate": 12.5,
    "num_codebooks": 4,
    "cardinality": 32,
}
SPEAKER_SIZE = 6
SPLITS = ("train", "validation", "test")
BACKBONE = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
CARD = """---
configs:
- config_name: dialogues
  data_files:
"""


def letters() -> PreTrainedTokenizerBase:
    """A tokenizer in which every ASCII character is one token."""
    return train_tokenizer([], vocabulary=256)


def drawn_codes(num_frames: int, name: str, codec: Mapping[str, Any] = CODEC) -> NDArray[np.uint16]:
    """Codes [T, K] that the name decides."""
    shape = num_frames, codec["num_codebooks"]
    return generator("tiny", name).integers(0, codec["cardinality"], shape).astype(np.uint16)


def person(name: str, **changes: Any) -> dict[str, Any]:
    """A character as a row holds it."""
    traits = {"age": "youth", "gender": "female", "identity": "student", "personality": "calm", "temperament": "warm"}
    vector = generator("tiny voice", name).standard_normal(SPEAKER_SIZE).round(3).astype(np.float32).tolist()
    own = {"character_id": f"id-{name}", "name": name, "timbre": "bright", "pace": "normal", "description": f"{name}."}
    empty = dict.fromkeys(("species", "world", "origin", "background", "relation"), "")
    return traits | own | empty | {"voice_id": name, "engine": "test", "traits": [], "speaker_vector": vector} | changes


def turn(name: str, role: str, text: str, frames: int = 6, codec: Mapping[str, Any] = CODEC, **changes: Any) -> Any:
    """A turn as a row holds it; `name` is its utterance id. It has no phones: its words are spread over its sound."""
    plain = {"utterance_id": name, "role": role, "text": text, "spoken": text, "style": "plain", "overlap": "none"}
    sound = {"codes": drawn_codes(frames, name, codec).tolist(), "phones": [], "duration_s": frames / 12.5}
    return plain | {"song": None, "score": None} | sound | changes


def row(name: str, turns: Sequence[Any], kind: str = "conversation", system: str = "", **changes: Any) -> Any:
    """A row of the dialogues table."""
    messages = [{"role": said["role"], "content": said["text"]} for said in turns]
    if system:
        messages.insert(0, {"role": "system", "content": system})
    people = {"user": person(f"{name}-user"), "assistant": person(f"{name}-assistant")}
    head = {"dialogue_id": name, "kind": kind, "language": "en", "split": "train", "scene": "home"}
    return head | {"characters": people, "messages": messages, "turns": list(turns), "codec": CODEC} | changes


def song(hummed: bool = False) -> dict[str, Any]:
    """The song of a sung turn, without its score, as a row holds it."""
    return dict.fromkeys(("song_id", "title", "origin", "source", "licence"), "la") | {"hummed": hummed}


def score(*notes: tuple[int, float, float, str], tempo_bpm: float = 60.0, **changes: Any) -> dict[str, Any]:
    """The score column: notes are (midi, onset_beats, duration_beats, syllable)."""
    names = ("midi", "onset_beats", "duration_beats", "syllable")
    head = {"tempo_bpm": tempo_bpm, "tonic": "C", "mode": "major", "beats_per_bar": 4, "beat_unit": 4}
    return head | {"notes": [dict(zip(names, note, strict=True)) for note in notes]} | changes


def dialogues(count: int = 3, prefix: str = "d") -> list[Any]:
    """Conversations of two turns, the last one a role-play."""
    rows = []
    for index in range(count):
        name = f"{prefix}{index}"
        turns = [
            turn(f"{name}-0", "user", f"hi {index}", frames=4 + index),
            turn(f"{name}-1", "assistant", "oh hello" + "o" * index, frames=9 + index),
        ]
        last = index == count - 1
        system = f"Your Name: {name}\n{CHAT_SYSTEM}\nYour Role Description: a sleepy dragon" if last else ""
        rows.append(row(name, turns, "roleplay" if last else "conversation", system))
    return rows


def write_corpus(folder: Path, splits: Mapping[str, Sequence[Any]], num_codebooks: int = 4, shards: int = 1) -> str:
    """A corpus of the dialogues table alone, as `build` lays it on disk."""
    (folder / "dialogues").mkdir(parents=True)
    schema = arrow_schema(dialogue_features(num_codebooks))
    for split, rows in splits.items():
        for shard in range(shards):
            table = pa.Table.from_pylist(list(rows[shard::shards]), schema=schema)
            path = str(folder / "dialogues" / f"{split}-{shard:05d}.arrow")
            with pa.OSFile(path, "wb") as sink, pa.ipc.new_stream(sink, schema) as writer:
                writer.write_table(table)
    files = "".join(f"  - split: {split}\n    path: dialogues/{split}-*.arrow\n" for split in splits)
    (folder / "README.md").write_text(f"{CARD}{files}---\n", "utf-8")
    return str(folder)


def config(layout: TokenLayout, **backbone: Any) -> SpokenConfig:
    """A configuration of two layers; two query heads share one head of keys."""
    given = BACKBONE | {"num_key_value_heads": 1, "head_dim": 16} | backbone
    qwen = Qwen3Config(**given, vocab_size=1, max_position_embeddings=4096, pad_token_id=None, use_cache=False)
    codec = CODEC | {"num_codebooks": layout.num_codebooks, "cardinality": layout.cardinality}
    return SpokenConfig(
        qwen, layout.text_size, layout.num_codebooks, layout.cardinality, speaker_size=SPEAKER_SIZE, codec=codec
    )


def model(layout: TokenLayout, seed: int = 0, spread: float = 0.3, **backbone: Any) -> SpokenModel:
    """Random weights, wide enough spread that what is likeliest is so by far."""
    torch.manual_seed(seed)
    made = SpokenModel(config(layout, **backbone))
    with torch.no_grad():
        for parameter in made.parameters():
            if parameter.dim() > 1:
                parameter.normal_(0.0, spread)
    return made.eval()
