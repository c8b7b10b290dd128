"""Training samples of VITA-QinYu from rows, and the rules by which its loader would lose one without a word.

Sources: VITA-MLLM/VITA-QinYu at commit a68edd1, `vita_qinyu/data/dataset_qwen3_jsonl_xyspk.py` (what a sample is),
`vita_qinyu/tokenizer_sensevoice_xyspk.py` (300 s), `scripts/deepspeed/*/finetune.sh` (10,000 tokens).
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from schemas.errors import DamagedError
from schemas.tags import without_tags
from trainer.export_corpus import ANEW, Row

AUDIO, SPEAKER = "<|audio|>", "<|speaker|>"
MARKUP = ("<|", "<function=", "</function>")
"""How its special tokens begin; in a text they would be read as such."""
TTS, ASR = "Convert the text to speech.\n{text}", f"Convert the speech to text.\n{AUDIO}"
TYPES = ("tts", "asr", "conversation", "roleplay", "singing")

LONGEST_S = 300.0
MOST_TOKENS = 10_000
MOST_ADJACENT = 3
"""Adjacent tags are merged in pairs: of four, two are lost."""
FRAME_RATE, DELAY_STEPS, STEPS_A_CHUNK = 12.5, 7, 6
"""Of assistants' audio; a chunk holds 6 steps where begin and end tokens enclose it, else 8."""
USER_FRAME_S, AROUND_USER = 0.06, 7
"""Of users' audio: SenseVoice's frames, its four extra ones, the voice, and begin and end tokens."""
AROUND_MESSAGE = 6
"""`<|im_start|>`, role, new line, `<|end_of_conv|>`, `<|im_end|>`, new line."""
VOICE_MESSAGE = 50
"""The system message that the loader adds where there is none: bytes of its one line, and what is around it."""


@dataclass(frozen=True)
class Clip:
    """A turn's audio."""

    dialogue_id: str
    utterance_id: str
    duration_s: float

    @property
    def path(self) -> str:
        """Relative to the export's folder."""
        return f"wavs/{self.dialogue_id}/{self.utterance_id}.wav"


@dataclass(frozen=True)
class Message:
    """`said` is the text without tags of audio; `clips` are its audio, if it has any."""

    role: str
    content: str
    said: str = ""
    clips: tuple[Clip, ...] = ()


@dataclass(frozen=True)
class Sample:
    """One line of a JSONL file. `voice` is the character whose vector the model is given; "" where it says nothing.
    `fault` is why the sample is left out; "" where it is not."""

    type: str
    split: str
    sample_id: str
    messages: tuple[Message, ...]
    voice: str = ""
    fault: str = field(default="", compare=False)

    @property
    def clips(self) -> tuple[Clip, ...]:
        """In the order of their tags."""
        return tuple(clip for message in self.messages for clip in message.clips)


def utterance_samples(row: Row, frame_rate: float = FRAME_RATE) -> Iterator[Sample]:
    """Speech from text and text from speech, of one utterance; with faults."""
    clip = Clip(row["dialogue_id"], row["utterance_id"], row["duration_s"])
    text = heard_text(row)
    question = Message("user", TTS.format(text=text), text)
    spoken = (question, Message("assistant", AUDIO, text, (clip,)))
    written = (Message("user", ASR, "", (clip,)), Message("assistant", text, text))
    sung = "sung, not read" if row.get("song") else ""
    noisy = "heard in a room, over noise" if row.get("surroundings") else ""
    for kind, messages, voice, unfit in (
        ("tts", spoken, row["character"]["character_id"], sung or noisy),
        ("asr", written, "", sung),
    ):
        sample = Sample(kind, row["split"], row["utterance_id"], messages, voice)
        yield _judged(sample, unfit, frame_rate)


def dialogue_samples(row: Row, frame_rate: float = FRAME_RATE) -> Iterator[Sample]:
    """One sample an answer of the assistant, with all that was said before it: users in audio, assistants in text, as
    only the last message may be an assistant's audio."""
    system, talk = _messages(row)
    for place, answer in enumerate(talk):
        if answer.role != "assistant":
            continue
        before = [
            Message("user", one.content, clips=one.clips)  # its text is in no sample
            if one.role == "user"
            else Message("assistant", one.said, one.said)
            for one in talk[:place]
        ]
        sample = Sample(
            type=row["kind"],
            split=row["split"],
            sample_id=f"{row['dialogue_id']}-m{place:02d}",
            messages=(*system, *before, answer),
            voice=row["characters"]["assistant"]["character_id"],
        )
        yield _judged(sample, "", frame_rate)


def heard_text(turn: Row) -> str:
    """What is written, less the tags that nobody hears."""
    return without_tags(turn["text"], turn["dropped_tags"])


def _messages(row: Row) -> tuple[tuple[Message, ...], list[Message]]:
    """The system message, if any, and the talk. Back-channels are said under another turn: they are no messages.

    Raises DamagedError where a dialogue's messages are not its turns.
    """
    contents = [(one["role"], one["content"]) for one in row["messages"]]
    system = tuple(Message(*one, said=one[1].replace(SPEAKER, "", 1)) for one in contents if one[0] == "system")
    turns = [turn for turn in row["turns"] if turn["overlap"] != "backchannel"]
    talk = []
    for role, group in groupby(turns, key=lambda turn: str(turn["role"])):
        parts = list(group)
        said = "\n".join(heard_text(turn) for turn in parts)
        clips = tuple(Clip(row["dialogue_id"], turn["utterance_id"], turn["duration_s"]) for turn in parts)
        # A user's adjacent tags would be merged into a list that its audio encoder cannot read.
        content = "\n".join([AUDIO] * len(parts)) if role == "user" else said + AUDIO * len(parts)
        talk.append(Message(role, content, said, clips))
    if [(one.role, one.said) for one in talk] != [one for one in contents if one[0] != "system"]:
        raise DamagedError(f"{row['dialogue_id']}: its messages are not what its turns say; {ANEW}.")
    return system, talk


def _judged(sample: Sample, unfit: str, frame_rate: float) -> Sample:
    fault = unfit or _fault(sample, frame_rate)
    return Sample(sample.type, sample.split, sample.sample_id, sample.messages, sample.voice, fault)


def _fault(sample: Sample, frame_rate: float) -> str:
    if any(clip.duration_s > LONGEST_S for clip in sample.clips):
        return f"a turn longer than {LONGEST_S:.0f} s"
    if any(mark in message.said for message in sample.messages for mark in MARKUP):
        return "a text with the loader's own markup"
    if len(sample.messages[-1].clips) > MOST_ADJACENT:
        return f"more than {MOST_ADJACENT} turns in one answer"
    if count_tokens(sample, frame_rate) > MOST_TOKENS:
        return f"more than {MOST_TOKENS} tokens"
    return ""


def count_tokens(sample: Sample, frame_rate: float = FRAME_RATE) -> int:
    """The most tokens that the loader can make of a sample.

    A byte-level tokenizer makes at most one token a byte; audio is counted with all that may be put around it.
    """
    count = VOICE_MESSAGE
    for message in sample.messages:
        count += AROUND_MESSAGE + len(message.content.encode())
        for clip in message.clips:
            if message.role == "user":
                count += math.ceil(clip.duration_s / USER_FRAME_S) + 1 + AROUND_USER
            else:
                steps = math.ceil(clip.duration_s * frame_rate) + 1 + DELAY_STEPS
                count += steps + 2 * math.ceil(steps / STEPS_A_CHUNK)
    if sample.type == "tts":  # the loader repeats the text before the audio
        count += len(sample.messages[0].said.encode())
    return count


def line(sample: Sample, voice: dict[str, Any]) -> dict[str, Any]:
    """The JSON object of a sample; `voice` are the keys by which the loader finds the voice's vector."""
    return {
        "id": sample.sample_id,
        "messages": [{"role": one.role, "content": one.content} for one in sample.messages],
        "audios": [clip.path for clip in sample.clips],
        **voice,
    }
