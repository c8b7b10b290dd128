"""A Paraformer of the real architecture with random weights, in a folder laid out as a ModelScope snapshot."""

import json
from pathlib import Path
from typing import Any

from tests.stages.backends.funasr_texts import TEXTS
from tests.stages.backends.sensevoice_model import normalization

WIDTH = 32

CONFIG = f"""model: Paraformer
model_conf:
    ctc_weight: 0.0
    lsm_weight: 0.1
    length_normalized_loss: true
    predictor_weight: 1.0
    predictor_bias: 1
    sampling_ratio: 0.75
encoder: SANMEncoder
encoder_conf:
    output_size: {WIDTH}
    attention_heads: 2
    linear_units: 48
    num_blocks: 1
    input_layer: pe
    pos_enc_class: SinusoidalPositionEncoder
    normalize_before: true
    kernel_size: 11
    sanm_shfit: 0
    selfattention_layer_type: sanm
decoder: ParaformerSANMDecoder
decoder_conf:
    attention_heads: 2
    linear_units: 48
    num_blocks: 1
    att_layer_num: 1
    kernel_size: 11
    sanm_shfit: 0
predictor: CifPredictorV2
predictor_conf:
    idim: {WIDTH}
    threshold: 1.0
    l_order: 1
    r_order: 1
    tail_threshold: 0.45
frontend: WavFrontend
frontend_conf:
    fs: 16000
    window: hamming
    n_mels: 80
    frame_length: 25
    frame_shift: 10
    lfr_m: 7
    lfr_n: 6
tokenizer: CharTokenizer
tokenizer_conf:
    unk_symbol: <unk>
    split_with_space: true
"""
METAS = {
    "init_param": "model.pt",
    "config": "config.yaml",
    "tokenizer_conf": {"token_list": "tokens.json"},
    "frontend_conf": {"cmvn_file": "am.mvn"},
}


def write_paraformer(folder: Path, leave_out: str | None = None) -> Path:
    """The folder, written. Weights whose name begins with `leave_out` are left out."""
    import torch

    folder.mkdir(parents=True)
    characters = sorted({character for text in TEXTS for character in text if "一" <= character <= "鿿"})
    tokens = ["<blank>", "<s>", "</s>", *characters, "<unk>"]
    (folder / "tokens.json").write_text(json.dumps(tokens))
    (folder / "config.yaml").write_text(CONFIG)
    (folder / "configuration.json").write_text(json.dumps({"file_path_metas": METAS}))
    (folder / "am.mvn").write_text(normalization(560))
    state = {
        name: weight
        for name, weight in _net(len(tokens)).state_dict().items()
        if not leave_out or not name.startswith(leave_out)
    }
    torch.save(state, folder / "model.pt")
    return folder


def _net(vocabulary: int) -> Any:
    import torch
    from funasr.models.paraformer.model import Paraformer
    from omegaconf import OmegaConf

    config: Any = OmegaConf.to_container(OmegaConf.create(CONFIG))
    sections = ("encoder", "decoder", "predictor")
    parts = {name: config[name] for part in sections for name in (part, f"{part}_conf")}
    torch.manual_seed(0)
    net = Paraformer(input_size=560, vocab_size=vocabulary, **parts, **config["model_conf"])
    with torch.no_grad():
        net.predictor.cif_output.bias.fill_(-1.5)  # a character for about five frames of 60 ms
        net.decoder.output_layer.weight.mul_(20)
        net.decoder.output_layer.bias.zero_()
    return net.eval()
