"""A SenseVoiceSmall of the real architecture with random weights, in a folder laid out as a ModelScope snapshot.

Its first four outputs are the tags `<|zh|><|HAPPY|><|Speech|><|woitn|>` for a clip that it is told is Mandarin: the
rows of its output layer for these tokens look for the four frames of the queries. The rest is garbage.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np

from tests.stages.backends.funasr_texts import TEXTS

TAGS = ("<|zh|>", "<|HAPPY|>", "<|Speech|>", "<|woitn|>")
OTHERS = ("<|en|>", "<|EMO_UNKNOWN|>", "<|BGM|>", "<|withitn|>")
BLANK = "<blank>"
WIDTH = 32

CONFIG = f"""encoder: SenseVoiceEncoderSmall
encoder_conf:
    output_size: {WIDTH}
    attention_heads: 2
    linear_units: 48
    num_blocks: 1
    tp_blocks: 1
    dropout_rate: 0.1
    positional_dropout_rate: 0.1
    attention_dropout_rate: 0.1
    input_layer: pe
    pos_enc_class: SinusoidalPositionEncoder
    normalize_before: true
    kernel_size: 11
    sanm_shfit: 0
    selfattention_layer_type: sanm
model: SenseVoiceSmall
model_conf:
    length_normalized_loss: true
    sos: 1
    eos: 2
    ignore_id: -1
tokenizer: SentencepiecesTokenizer
tokenizer_conf:
    bpemodel: null
    unk_symbol: <unk>
    split_with_space: true
frontend: WavFrontend
frontend_conf:
    fs: 16000
    window: hamming
    n_mels: 80
    frame_length: 25
    frame_shift: 10
    lfr_m: 7
    lfr_n: 6
    cmvn_file: null
"""
METAS = {
    "init_param": "model.pt",
    "config": "config.yaml",
    "tokenizer_conf": {"bpemodel": "bpe.model"},
    "frontend_conf": {"cmvn_file": "am.mvn"},
}


def write_sensevoice(folder: Path, leave_out: str | None = None) -> Path:
    """The folder, written. Weights whose name begins with `leave_out` are left out."""
    import torch

    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text(CONFIG)
    (folder / "configuration.json").write_text(json.dumps({"file_path_metas": METAS}))
    (folder / "am.mvn").write_text(normalization(560))
    pieces = _write_tokens(folder)
    net = _net(pieces)
    state = {
        name: weight for name, weight in net.state_dict().items() if not leave_out or not name.startswith(leave_out)
    }
    torch.save(state, folder / "model.pt")
    return folder


def normalization(width: int) -> str:
    """Kaldi's text for the shift and scale of each feature: log-mel bands of 16-bit samples, brought near 0 and 1."""
    parts = [f"<Nnet>\n<Splice> {width} {width}\n[ 0 ]\n"]
    for name, value in (("AddShift", -12.0), ("Rescale", 0.25)):
        numbers = " ".join([str(value)] * width)
        parts.append(f"<{name}> {width} {width}\n<LearnRateCoef> 0 [ {numbers} ]\n")
    return "".join([*parts, "</Nnet>\n"])


def _write_tokens(folder: Path) -> list[str]:
    """A sentencepiece model of a few words and characters, with the tags as pieces of their own."""
    import sentencepiece

    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(TEXTS * 4),
        model_prefix=str(folder / "bpe"),
        vocab_size=120,
        hard_vocab_limit=False,
        user_defined_symbols=[BLANK, *TAGS, *OTHERS],
        minloglevel=2,
    )
    (folder / "bpe.vocab").unlink()
    processor = sentencepiece.SentencePieceProcessor(model_file=str(folder / "bpe.model"))
    return [processor.id_to_piece(place) for place in range(processor.get_piece_size())]


def _net(pieces: list[str]) -> Any:
    import torch
    from funasr.models.sense_voice.model import SenseVoiceSmall
    from omegaconf import OmegaConf

    config = OmegaConf.to_container(OmegaConf.create(CONFIG))
    torch.manual_seed(0)
    net = SenseVoiceSmall(
        encoder=config["encoder"],
        encoder_conf=config["encoder_conf"],
        input_size=560,
        vocab_size=len(pieces),
        **config["model_conf"],
    ).eval()
    with torch.no_grad():
        net.embed.weight.mul_(4)
        net.ctc.ctc_lo.weight.normal_(0, 0.5, generator=torch.Generator().manual_seed(1))
        net.ctc.ctc_lo.bias.zero_()
        _find_tags(net, pieces)
    return net


def _find_tags(net: Any, pieces: list[str]) -> None:
    """The rows of the tags' tokens, so that each wins at its own frame and at no frame of sound."""
    import torch

    sound = torch.from_numpy(np.random.default_rng(0).normal(0, 1, (1, 40, 560)).astype(np.float32))
    numbers = [[3], [1], [2], [15]]  # "zh", event, emotion, "woitn", as `SenseVoiceSmall.inference` puts them
    queries = torch.cat([net.embed(torch.LongTensor([number])) for number in numbers], dim=1)
    frames, _ = net.encoder(torch.cat([queries, sound], dim=1), torch.tensor([44]))
    frames = frames[0]
    centre = frames.mean(0)
    for place, tag in enumerate(TAGS):
        row = frames[place] - centre
        row = 40 * row / row.square().sum()
        net.ctc.ctc_lo.weight[pieces.index(tag)] = row
        net.ctc.ctc_lo.bias[pieces.index(tag)] = -float(row @ centre) - 15
