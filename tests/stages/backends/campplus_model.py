"""A CAM++ of the real architecture with random weights, in a folder laid out as a ModelScope snapshot."""

import json
from pathlib import Path

CONFIG = """model: CAMPPlus
model_conf:
    feat_dim: 80
    embedding_size: 192
    growth_rate: 4
    bn_size: 2
    init_channels: 16
    config_str: 'batchnorm-relu'
    memory_efficient: false
    output_level: 'segment'
"""
WEIGHTS = "campplus_cn_common.bin"


def write_campplus(folder: Path, leave_out: str | None = None) -> Path:
    """The folder, written; narrow, so that it is quick. Weights whose name begins with `leave_out` are left out."""
    import torch
    from funasr.models.campplus.model import CAMPPlus

    torch.manual_seed(0)
    net = CAMPPlus(growth_rate=4, bn_size=2, init_channels=16, memory_efficient=False)
    state = {
        name: weight for name, weight in net.state_dict().items() if not leave_out or not name.startswith(leave_out)
    }
    folder.mkdir(parents=True)
    torch.save(state, folder / WEIGHTS)
    (folder / "config.yaml").write_text(CONFIG)
    metas = {"file_path_metas": {"init_param": WEIGHTS, "config": "config.yaml"}}
    (folder / "configuration.json").write_text(json.dumps(metas))
    return folder
