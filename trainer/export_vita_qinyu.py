"""VITA-QinYu: JSONL with byte offsets, WAVs and dataset files, such that the original loader reads every row.

Voices: the loader looks a row's `speaker` up in a dictionary of CAM++ vectors, and where it has no such key it hears
the file `speaker_wav`. A corpus whose speaker encoder is CAM++ gets both; any other gets `speaker_wav` alone, the
character's longest plain turn, of which the original computes vectors of its own. So it does with codes, unless the
corpus has those of XY-Tokenizer: then they are caches beside the WAVs.
"""

import json
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from schemas.errors import FolderError, RecipeError
from schemas.take import SAMPLE_RATE
from trainer.export_corpus import NOTICE, Corpus, Job, Row, samples_of
from trainer.export_vita_qinyu_samples import (
    FRAME_RATE,
    TYPES,
    Clip,
    Sample,
    dialogue_samples,
    line,
    utterance_samples,
)
from trainer.export_vita_qinyu_text import README, WARNING

CODEC, ENCODER = "xy-tokenizer", "campplus"
"""The back ends whose codes and vectors are the original's own."""
NUM_CODEBOOKS, CARDINALITY = 8, 1024
ALL_ROWS = 999_999_999
HEARD_S = 90.0
"""Of a voice's file the original hears no more."""
NO_VOICE = "a voice without a turn to hear it in"


def check_folder(out: Path) -> None:
    """Raises FolderError for a path in which its loader would not find what is written."""
    for trap, why in ((":", "takes for a range of bytes"), (".jsonl", "replaces to find an index")):
        if trap in str(out):
            raise FolderError(f"{out}: the path holds '{trap}', which VITA-QinYu's loader {why}; name another folder.")


@dataclass(frozen=True)
class _Caches:
    """What of the corpus goes into caches beside the WAVs, and what of that is not the original's."""

    codes: bool
    vectors: bool
    foreign: tuple[str, ...]
    frame_rate: float


def _caches(job: Job) -> _Caches:
    codec, encoder = job.corpus.codec, job.corpus.backend("speaker")
    own = (codec["name"] == CODEC, encoder == ENCODER)
    codes, vectors = (kept or job.foreign_caches for kept in own)
    if codes and (codec["num_codebooks"], codec["cardinality"]) != (NUM_CODEBOOKS, CARDINALITY):
        size = f"{codec['num_codebooks']} codebooks of {codec['cardinality']}"
        raise RecipeError(
            f"--foreign-caches: codes of '{codec['name']}' have {size}, the loader knows {NUM_CODEBOOKS} of "
            f"{CARDINALITY} only; leave the option out."
        )
    foreign = [name for name, mine in zip((codec["name"], encoder), own, strict=True) if not mine]
    rate = max(FRAME_RATE, codec["frame_rate"]) if codes else FRAME_RATE
    return _Caches(codes, vectors, tuple(foreign) if job.foreign_caches else (), rate)


def export(job: Job) -> list[str]:
    """Write samples, indices, WAVs, caches, dataset files, what was left out, and a README."""
    caches = _caches(job)
    with ExitStack() as stack:
        books = _Books(job.folder, stack)
        books.stream("left_out.jsonl")
        for split in job.corpus.splits:
            voices = _voices(job.corpus, split)
            named = {who: {"speaker_wav": clip.path} for who, clip in voices.items()}
            if job.corpus.backend("speaker") == ENCODER:
                named = {who: {"speaker": who, **keys} for who, keys in named.items()}
            for dialogue, utterances in job.corpus.dialogues(split):
                for row in utterances:
                    _write_audio(job.folder, row, caches)
                    for sample in utterance_samples(row, caches.frame_rate):
                        books.add(sample, named)
                    books.vectors[row["character"]["character_id"]] = row["character"]["speaker_vector"]
                books.backchannels += sum(turn["overlap"] == "backchannel" for turn in dialogue["turns"])
                for sample in dialogue_samples(dialogue, caches.frame_rate):
                    books.add(sample, named)
                job.tick(len(utterances))
    _write_head(job, books, caches)
    return books.lines()


def _voices(corpus: Corpus, split: str) -> dict[str, Clip]:
    """Each character's turn that its voice is best heard in: plain, clean and long, the first among equals."""
    best: dict[str, tuple[tuple[bool, float], Clip]] = {}
    columns = ["dialogue_id", "utterance_id", "character", "duration_s", "style", "song", "surroundings"]
    for row in corpus.rows("utterances", split, columns):
        plain = row["style"] == "plain" and not row.get("song") and not row.get("surroundings")
        rank = (plain, min(row["duration_s"], HEARD_S))
        who = row["character"]["character_id"]
        if who not in best or rank > best[who][0]:
            best[who] = (rank, Clip(row["dialogue_id"], row["utterance_id"], row["duration_s"]))
    return {who: clip for who, (_, clip) in best.items()}


def _write_audio(folder: Path, row: Row, caches: _Caches) -> None:
    """A turn's WAV, and its caches."""
    path = folder / Clip(row["dialogue_id"], row["utterance_id"], row["duration_s"]).path
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples_of(row["audio"]["bytes"]), SAMPLE_RATE, subtype="PCM_16")
    if caches.codes:
        pairs = [[codebook, code] for frame in row["codes"] for codebook, code in enumerate(frame)]
        path.with_name(f"{path.stem}_xytokenizer.json").write_text(json.dumps(pairs), encoding="utf-8")
    if caches.vectors:
        _save(row["character"]["speaker_vector"], path.with_name(f"{path.stem}_speaker.pt"))


def _save(vectors: Any, path: Path) -> None:
    """One vector as a float32 tensor, or a dictionary of them."""
    import torch

    if isinstance(vectors, dict):
        torch.save({who: torch.from_numpy(np.asarray(v, dtype=np.float32)) for who, v in vectors.items()}, path)
    else:
        torch.save(torch.from_numpy(np.asarray(vectors, dtype=np.float32)), path)


@dataclass
class _Books:
    """The JSONL files with their indices, and what became of every sample."""

    folder: Path
    stack: ExitStack
    written: Counter[tuple[str, str]] = field(default_factory=Counter)
    faults: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    vectors: dict[str, list[float]] = field(default_factory=dict)
    backchannels: int = 0
    _streams: dict[str, Any] = field(default_factory=dict)

    def add(self, sample: Sample, named: dict[str, dict[str, str]]) -> None:
        """Write a sample, or note why it is left out."""
        voice = named.get(sample.voice, {})
        fault = sample.fault or (NO_VOICE if sample.voice and not voice else "")
        if fault:
            self.faults[sample.split, sample.type, fault] += 1
            told = {"id": sample.sample_id, "type": sample.type, "split": sample.split, "reason": fault}
            self._put("left_out.jsonl", told)
            return
        self.written[sample.split, sample.type] += 1
        stem = f"{sample.type}-{sample.split}"
        offset = self._put(f"{stem}.jsonl", line(sample, voice))
        self.stream(f"{stem}.offset").write(b"%d\n" % offset)

    def _put(self, name: str, record: dict[str, Any]) -> int:
        """Write a record as one line; returns where it begins."""
        stream = self.stream(name)
        offset = int(stream.tell())
        stream.write(json.dumps(record, ensure_ascii=False).encode() + b"\n")
        return offset

    def stream(self, name: str) -> Any:
        if name not in self._streams:
            self._streams[name] = self.stack.enter_context((self.folder / name).open("wb"))
        return self._streams[name]

    def lines(self) -> list[str]:
        """What was written and left out, a line for each type of sample in each split."""
        told = []
        for split, kind in sorted(self.written.keys() | {(split, kind) for split, kind, _ in self.faults}):
            reasons = {why: count for (s, k, why), count in sorted(self.faults.items()) if (s, k) == (split, kind)}
            words = "; ".join(f"{count} {why}" for why, count in reasons.items())
            left = f", left out {sum(reasons.values())}: {words}" if reasons else ""
            told.append(f"{kind} {split}: {self.written[split, kind]} samples{left}")
        return told


def _write_head(job: Job, books: _Books, caches: _Caches) -> None:
    """The dataset files, one a split, the dictionary of voices if it is the original's, and the README."""
    warning = WARNING.format(names=" and ".join(caches.foreign)) if caches.foreign else ""
    for split in job.corpus.splits:
        entries = [_entry(job, kind, split) for kind in TYPES if books.written[split, kind]]
        comment = "".join(f"# {words}\n" for words in warning.splitlines())
        text = comment + "dataset:\n" + "".join(entries) if entries else comment + "dataset: {}\n"
        (job.folder / f"dataset-{split}.yaml").write_text(text, encoding="utf-8")
    own = job.corpus.backend("speaker") == ENCODER
    if own:
        _save(dict(sorted(books.vectors.items())), job.folder / "speakers.pt")
    text = README.format(
        name=job.corpus.name,
        notice=NOTICE,
        warning=f"\n> {warning}\n".replace("\n", "\n> ").removesuffix("\n> ") + "\n" if warning else "",
        out=job.out,
        dictionary="speakers.pt" if own else "(none: leave it out)",
        lines="\n".join(f"- {told}" for told in books.lines()),
        backchannels=books.backchannels,
    )
    (job.folder / "README.md").write_text(text, encoding="utf-8")


def _entry(job: Job, kind: str, split: str) -> str:
    """YAML of one data set; JSON's strings are YAML's."""
    path, prefix = (json.dumps(str(one), ensure_ascii=False) for one in (job.out / f"{kind}-{split}.jsonl", job.out))
    return (
        f"  {json.dumps(f'{job.corpus.name}-{kind}', ensure_ascii=False)}:\n    json_paths: [{path}]\n    ratio: 1\n"
        f"    num: {ALL_ROWS}\n    prefix_path: {prefix}\n    speaker: null\n"
    )
