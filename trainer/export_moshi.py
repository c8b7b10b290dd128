"""Moshi: one stereo WAV a dialogue, the assistant left, the user right, as kyutai-labs/moshi-finetune reads it.

Beside each WAV lies a JSON file whose `alignments` are `[word, [start_s, end_s], speaker]`, sorted by start: the
assistant is SPEAKER_MAIN, the only one whose words that trainer learns, the user SPEAKER_OTHER. More keys, which it
ignores: phones with their times, and the turns.
"""

import json
from collections import Counter
from pathlib import Path
from typing import Any

from schemas.take import SAMPLE_RATE
from stages.mix_dialogue import mix_dialogue
from trainer.export_corpus import NOTICE, Job, Row, samples_of
from trainer.word_times import word_times

SPEAKERS = {"assistant": "SPEAKER_MAIN", "user": "SPEAKER_OTHER"}
AUDIO = "data_stereo"
WAV_HEADER_BYTES, FRAME_BYTES = 44, 4

_README = """# {name}: Moshi

{notice}

| file | holds |
|---|---|
| `data_stereo/DIALOGUE.wav` | a dialogue at 24 kHz: assistant left, user right, each turn where it falls |
| `data_stereo/DIALOGUE.json` | its words, phones and turns with their times |
| `data.jsonl` | path and duration of every WAV; `data-SPLIT.jsonl` the same of one split |

For kyutai-labs/moshi-finetune: `data.train_data` is `data-train.jsonl`, `data.eval_data` another split's. Paths are
relative to this folder: start it here where it looks for them elsewhere. Words are as spoken, numbers in words; in
Mandarin each character is one.

Where the times of words come from: {bases}.
`notes`: of what is sung, the score's notes. `phones`: dictionary readings aligned with the turn's phones, which have
times. `spread`: no phones, or none that the words fit: spread over the turn by letters, so they are off by a syllable
or more. Each turn in the JSON says which.
"""


def check_folder(out: Path) -> None:
    """Any folder will do."""


def export(job: Job) -> list[str]:
    """Write WAVs, their JSON files, manifests and a README."""
    (job.folder / AUDIO).mkdir()
    bases: Counter[str] = Counter()
    lines = []
    with (job.folder / "data.jsonl").open("w", encoding="utf-8") as everything:
        for split in job.corpus.splits:
            count, seconds = 0, 0.0
            with (job.folder / f"data-{split}.jsonl").open("w", encoding="utf-8") as manifest:
                for dialogue, utterances in job.corpus.dialogues(split):
                    entry, told = _write(job.folder, dialogue, utterances)
                    bases.update(turn["words"] for turn in told)
                    for stream in (everything, manifest):
                        stream.write(json.dumps(entry) + "\n")
                    count, seconds = count + 1, seconds + entry["duration"]
                    job.tick(len(utterances))
            lines.append(f"{split}: {count} dialogues, {seconds:.1f} s")
    told_bases = ", ".join(f"{count} turns by {basis}" for basis, count in sorted(bases.items()))
    text = _README.format(name=job.corpus.name, notice=NOTICE, bases=told_bases)
    (job.folder / "README.md").write_text(text, encoding="utf-8")
    return [*lines, f"times of words: {told_bases}"]


def _write(folder: Path, dialogue: Row, utterances: list[Row]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A dialogue's WAV and JSON; returns its line of the manifest, and its turns as the JSON has them."""
    turns = dialogue["turns"]
    wav = mix_dialogue(
        [
            (turn["role"], turn["start_s"], samples_of(row["audio"]["bytes"]))
            for turn, row in zip(turns, utterances, strict=True)
        ]
    )
    path = f"{AUDIO}/{dialogue['dialogue_id']}.wav"
    (folder / path).write_bytes(wav)
    told = transcript(dialogue, utterances)
    text = json.dumps(told, ensure_ascii=False, allow_nan=False)
    (folder / path).with_suffix(".json").write_text(text, encoding="utf-8")
    frames = (len(wav) - WAV_HEADER_BYTES) // FRAME_BYTES
    return {"path": path, "duration": frames / SAMPLE_RATE}, told["turns"]


def transcript(dialogue: Row, utterances: list[Row]) -> dict[str, Any]:
    """What is said when, in seconds from the start of the dialogue, each list sorted by start."""
    words: list[Any] = []
    phones: list[Any] = []
    turns = []
    for turn, row in zip(dialogue["turns"], utterances, strict=True):
        who, start_s = SPEAKERS[turn["role"]], turn["start_s"]
        times = word_times(row)
        words += [_entry(word, span, start_s, who) for word, span in zip(times.words, times.spans, strict=True)]
        phones += [_entry(p["label"], (p["start_s"], p["end_s"]), start_s, who) for p in row["phones"]]
        told = {name: turn[name] for name in ("utterance_id", "role", "overlap", "start_s", "duration_s", "text")}
        turns.append(told | {"words": times.basis})
    head = {name: dialogue[name] for name in ("dialogue_id", "kind", "language", "split")}
    return head | {"alignments": sorted(words, key=_start_s), "phones": sorted(phones, key=_start_s), "turns": turns}


def _start_s(entry: list[Any]) -> float:
    return float(entry[1][0])


def _entry(label: str, span: tuple[float, float], start_s: float, who: str) -> list[Any]:
    return [label, [round(start_s + moment, 3) for moment in span], who]
