"""VITA-QinYu's data loader as its repository has it, told again for tests: what it reads, and what it stumbles over.

Nothing of the exporter is used. Where the original would lose a sample without a word, this one raises.
"""

import json
import os
from pathlib import Path
from typing import Any

import soundfile
import yaml

TAG, SPEAKER, CONV_END = "<|audio|>", "<|speaker|>", "<|end_of_conv|>"
MOST_TOKENS, LONGEST_S = 10_000, 300.0


class Lost(AssertionError):
    """The original would return {} here."""


class Loader:
    """`dictionary`: names for which `--spk2emb` gives a vector; None without that option."""

    def __init__(self, config: Path, dictionary: set[str] | None = None) -> None:
        self.dictionary = dictionary
        self.sources: list[tuple[str, str, str | None, list[int]]] = []
        for settings in (yaml.safe_load(config.read_text(encoding="utf-8"))["dataset"] or {}).values():
            assert settings["ratio"] == 1
            for path in settings["json_paths"]:
                index = path.replace(".jsonl", ".offset")
                assert os.path.isfile(path), path
                assert os.path.isfile(index), index
                offsets = [int(line) for line in Path(index).read_text().splitlines()][: settings["num"]]
                self.sources.append((path, settings["prefix_path"], settings["speaker"], offsets))

    def samples(self) -> list[dict[str, Any]]:
        """Every row, checked; with `tokens`, and `audio_groups` (paths by `<|audio|>` that is left after merging)."""
        found = []
        for path, prefix, speaker, offsets in self.sources:
            for offset in offsets:
                with open(path, encoding="utf-8") as stream:
                    stream.seek(offset)
                    row = json.loads(stream.readline().strip())
                row.setdefault("speaker", speaker)
                row["audios"] = [os.path.join(prefix, audio) for audio in row["audios"]]
                if "speaker_wav" in row:
                    row["speaker_wav"] = os.path.join(prefix, row["speaker_wav"])
                found.append(self._checked(row) | {"file": os.path.basename(path)})
        return found

    def _checked(self, row: dict[str, Any]) -> dict[str, Any]:
        messages = [dict(message) for message in row["messages"]]
        if any("<|user_speaker|>" in message["content"] for message in messages):
            raise Lost("<|user_speaker|> in a text")
        if sum(message["content"].count(TAG) for message in messages) != len(row["audios"]):
            raise Lost("tags are not as many as audios")
        _complete(messages)
        groups = _merged(messages, row["audios"])
        self._voice(row, messages)
        tokens, place = 0, 0
        for position, message in enumerate(messages):
            count = message["content"].count(TAG)
            mine, place = groups[place : place + count], place + count
            tokens += _tokens(message, mine)
            if message["role"] == "assistant" and count:
                if count > 1:
                    raise Lost("two groups of audio in an answer")
                if position != len(messages) - 1:
                    raise Lost("an assistant's audio before the last message, which only_last_conv_label ignores")
        if place != len(groups):
            raise Lost("audio without a tag")
        if tokens > MOST_TOKENS:
            raise Lost(f"{tokens} tokens")
        return row | {"messages": messages, "audio_groups": groups, "tokens": tokens}

    def _voice(self, row: dict[str, Any], messages: list[dict[str, str]]) -> None:
        """With speaker_embedding_prob 1 there is one vector where the assistant is heard, else none."""
        heard = any(TAG in message["content"] for message in messages if message["role"] == "assistant")
        if row["speaker"] is not None and self.dictionary is not None:
            given = row["speaker"] in self.dictionary
        else:
            given = "speaker_wav" in row
            if given:
                _seconds(row["speaker_wav"])
        vectors = int(heard and (given or self.dictionary is None))
        if vectors and f"Your Voice Embedding: {SPEAKER}" not in messages[0]["content"]:
            if messages[0]["role"] == "system":
                messages[0]["content"] += f"\nYour Voice Embedding: {SPEAKER}"
            else:
                messages.insert(0, {"role": "system", "content": f"Your Voice Embedding: {SPEAKER}"})
        if sum(message["content"].count(SPEAKER) for message in messages) != vectors:
            raise Lost(f"{vectors} vectors for the places of <|speaker|>")


def _complete(messages: list[dict[str, str]]) -> None:
    """Text to speech gets its text before the audio; every text before audio gets its end."""
    text = None
    for message in messages:
        if message["role"] == "user" and "Convert the text to speech." in message["content"]:
            text = message["content"].replace("Convert the text to speech.\n", "").strip()
        if message["role"] == "assistant" and text is not None:
            message["content"] = text + message["content"]
    for message in messages:
        content = message["content"]
        if message["role"] == "assistant" and TAG in content and content.replace(TAG, ""):
            pair = TAG + TAG if TAG + TAG in content else TAG
            message["content"] = content.replace(pair, CONV_END + pair)
            if message["content"].count(CONV_END) > 1:
                raise Lost("a text ends twice")


def _merged(messages: list[dict[str, str]], audios: list[str]) -> list[list[str]]:
    """Adjacent tags become one, and their paths a list."""
    groups = [[audio] for audio in audios]
    while pairs := [one for one in messages if TAG + TAG in one["content"]]:
        before = messages[: messages.index(pairs[0])]
        place = sum(one["content"].count(TAG) for one in before)
        pairs[0]["content"] = pairs[0]["content"].replace(TAG + TAG, TAG)
        if place + 1 >= len(groups):
            raise Lost("merging runs out of audios")
        groups[place : place + 2] = [groups[place] + groups[place + 1]]
        if pairs[0]["role"] == "user":
            raise Lost("a list of audio for the user's encoder")
    return groups


def _tokens(message: dict[str, str], groups: list[list[str]]) -> int:
    """With a tokenizer of one token a character; audio as it is framed there."""
    content = message["content"].replace(TAG, "")
    for marker in (CONV_END, SPEAKER):
        content = content.replace(marker, "#")
    if "<|" in content:
        raise Lost(f"a special token in the text: {content}")
    count = 5 + len(content)
    for paths in groups:
        seconds = [_seconds(path) for path in paths]
        if message["role"] == "user":
            count += round(seconds[0] / 0.06) + 4 + 3
        else:
            count += sum(round(one * 12.5) for one in seconds) + 7 + 2
    return count


def _seconds(path: str) -> float:
    if ":" in path:  # one is an unknown format, two are a range of bytes, and caches are looked for elsewhere
        raise Lost(f"a colon in the path {path}")
    information = soundfile.info(path)
    assert (information.subtype, information.channels, information.samplerate) == ("PCM_16", 1, 24_000)
    if information.duration > LONGEST_S:
        raise Lost(f"{path} is too long")
    return float(information.duration)
