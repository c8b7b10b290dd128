"""What the README of a vita-qinyu export says."""

WARNING = """Foreign caches: the codes or voice vectors beside the WAVs are those of {names},
not of XY-Tokenizer and CAM++. The original's loader cannot tell: a model of its own
reads them as noise. They are of use for a model that is trained on nothing else."""

README = """# {name}: VITA-QinYu

{notice}
{warning}
For the data loader of VITA-MLLM/VITA-QinYu (commit a68edd1). Train on `dataset-train.yaml`; the other splits have
dataset files of their own. Paths in them are absolute: move the folder, and replace `{out}` in them.

| file | holds |
|---|---|
| `TYPE-SPLIT.jsonl` | samples of one type, one a line; `TYPE-SPLIT.offset` says where each begins |
| `wavs/DIALOGUE/UTTERANCE.wav` | a turn: 16-bit, 24 kHz, mono |
| `dataset-SPLIT.yaml` | what the loader is given |
| `left_out.jsonl` | every sample that is not here, and why |

Voice dictionary (`--spk2emb`): {dictionary}. Every sample in which the assistant speaks names a `speaker_wav`, a plain
turn of the same character, from which the loader computes the voice where the dictionary does not give it. Role-play
needs `--speaker_embedding_prob 1`, as in the original's `finetune.sh`: with less, its samples fail at random.
Caches, where there are any, lie beside the WAVs: unset AUDIO_CACHE_DIR, which would have the loader look elsewhere.
With CAM++, `_speaker.pt` holds the vector of the character's reference, of length 1, not one of that turn alone.

A dialogue of N answers gives N samples: each ends in one answer, in text and audio, after all that was said before it,
users in audio and the assistant in text. Tokens are counted as the most that there can be, one a byte of text.

The loader draws its rows with replacement, so that of many draws some rows come twice and others never.

## Samples

{lines}

{backchannels} back-channels are no messages of their own: they are in `tts` and `asr` alone.
"""
