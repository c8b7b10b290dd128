"""The spoken language model: a Qwen3 backbone that reads and predicts text and K codebooks of audio in one sequence.

Letters: P positions of packed sequences, K codebooks, D size of the speaker vector, H hidden size.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import AttentionInterface, AutoConfig, AutoModel, PreTrainedModel, Qwen3Config, Qwen3Model
from transformers.configuration_utils import PretrainedConfig
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.modeling_outputs import ModelOutput

from schemas.tokens import SPEAKER, TokenLayout

IGNORED = -100
SEGMENTS = "segments"

SIZES: dict[str, dict[str, int]] = {
    "nano": {"hidden_size": 256, "num_hidden_layers": 6, "num_attention_heads": 4, "intermediate_size": 1024},
    "mini": {"hidden_size": 512, "num_hidden_layers": 8, "num_attention_heads": 8, "intermediate_size": 1536},
    "small": {"hidden_size": 1024, "num_hidden_layers": 10, "num_attention_heads": 16, "intermediate_size": 3072},
}
"""About 9, 33 and 150 million parameters with the vocabulary of a small corpus."""


class SpokenConfig(PretrainedConfig):
    """The layout of the tokens, what the codes are of, and the backbone.

    In training the share `code_dropout` of the audio positions is not seen: a small model otherwise goes on from the
    audio before, which in training is true and in speaking its own, and hardly minds the text.
    """

    model_type = "troupe"
    sub_configs: ClassVar[dict[str, Any]] = {"backbone": Qwen3Config}

    def __init__(
        self,
        backbone: dict[str, Any] | Qwen3Config | None = None,
        text_size: int = 1,
        num_codebooks: int = 8,
        cardinality: int = 1024,
        speaker_size: int = 128,
        codec: dict[str, Any] | None = None,
        code_dropout: float = 0.0,
        tie_word_embeddings: bool = True,
        **others: Any,
    ) -> None:
        self.backbone = Qwen3Config(**backbone) if isinstance(backbone, dict) else backbone or Qwen3Config()
        self.text_size, self.num_codebooks, self.cardinality = text_size, num_codebooks, cardinality
        self.speaker_size, self.codec = speaker_size, codec or {}
        self.code_dropout = code_dropout
        super().__init__(tie_word_embeddings=tie_word_embeddings, **others)

    @property
    def layout(self) -> TokenLayout:
        """The ranges of ids."""
        return TokenLayout(self.text_size, self.num_codebooks, self.cardinality)


def sized(size: str, layout: TokenLayout, speaker_size: int, codec: dict[str, Any]) -> SpokenConfig:
    """The configuration of one of SIZES."""
    chosen = SIZES[size]
    backbone = Qwen3Config(
        **chosen,
        num_key_value_heads=chosen["num_attention_heads"],
        head_dim=chosen["hidden_size"] // chosen["num_attention_heads"],
        vocab_size=1,  # embeddings are the model's own
        max_position_embeddings=10_240,
        pad_token_id=None,
        use_cache=False,
    )
    return SpokenConfig(
        backbone, layout.text_size, layout.num_codebooks, layout.cardinality, speaker_size=speaker_size, codec=codec
    )


@dataclass
class SpokenOutput(ModelOutput):
    """loss: of the first stream plus the mean of the others; losses [K]: each stream's own (NaN where it has none)."""

    loss: Tensor | None = None
    losses: Tensor | None = None
    hidden: Tensor | None = None
    past_key_values: Any = None


class SpokenModel(PreTrainedModel):
    """Text and audio in, text and audio out.

    An audio position enters as the mean of its K embeddings. All its codes are predicted from one hidden state:
    codebook 0 in one softmax with text, which so chooses the modality, the others each from its own slice of the head.
    """

    config_class = SpokenConfig
    base_model_prefix = "backbone"
    supports_gradient_checkpointing = True
    _supports_sdpa = True
    _no_split_modules: ClassVar[list[str]] = ["Qwen3DecoderLayer"]
    _tied_weights_keys: ClassVar[dict[str, str]] = {"head.weight": "embeddings.weight"}

    def __init__(self, config: SpokenConfig) -> None:
        super().__init__(config)
        self.layout = config.layout
        config.backbone._attn_implementation = SEGMENTS
        self.backbone = Qwen3Model(config.backbone)
        hidden = config.backbone.hidden_size
        self.embeddings = nn.Embedding(self.layout.size, hidden)
        self.head = nn.Linear(hidden, self.layout.size, bias=False)
        self.speaker = nn.Sequential(
            nn.LayerNorm(config.speaker_size),
            nn.Linear(config.speaker_size, hidden),
            nn.GELU(),
            nn.Linear(hidden, hidden),
        )
        self.post_init()

    def get_input_embeddings(self) -> nn.Embedding:
        return self.embeddings

    def get_output_embeddings(self) -> nn.Linear:
        return self.head

    def embed(self, ids: Tensor, speakers: Tensor | None = None) -> Tensor:
        """ids [B, P, K], negative where there is no code; speakers [N, D], one for each `<|speaker|>` in order -> [B,
        P, H]."""
        first, others = ids[..., 0], ids[..., 1:]
        embedded = self.embeddings(first)
        audio = others[..., 0] >= 0 if self.layout.num_codebooks > 1 else None
        if audio is not None and bool(audio.any()):
            steps = ids[audio]
            mean = F.embedding_bag(steps, self.embeddings.weight, mode="mean")
            if self.training and self.config.code_dropout:
                mean = mean * (torch.rand(len(mean), 1, device=mean.device) >= self.config.code_dropout)
            embedded = embedded.masked_scatter(audio.unsqueeze(-1), mean.to(embedded.dtype))
        if speakers is not None and len(speakers):
            marked = first == self.layout.marker(SPEAKER)
            projected = self.speaker(speakers.to(self.speaker[1].weight.dtype))
            embedded = embedded.masked_scatter(marked.unsqueeze(-1), projected.to(embedded.dtype))
        return embedded

    def forward(
        self,
        ids: Tensor,
        labels: Tensor | None = None,
        speakers: Tensor | None = None,
        segments: list[int] | None = None,
        position_ids: Tensor | None = None,
        past_key_values: Any = None,
        **others: Any,
    ) -> SpokenOutput:
        """ids [B, P, K]; labels as ids, IGNORED where nothing is learned, not shifted; `segments` are the lengths of
        the sequences packed into P: none sees another. Without labels: the hidden states [B, P, H].
        """
        answer = self.backbone(
            inputs_embeds=self.embed(ids, speakers),
            position_ids=position_ids,
            attention_mask={"full_attention": None},
            past_key_values=past_key_values,
            use_cache=past_key_values is not None,
            segments=segments,
        )
        hidden = answer.last_hidden_state
        if labels is None:
            return SpokenOutput(hidden=hidden, past_key_values=answer.past_key_values)
        losses = self.losses(hidden[:, :-1], labels[:, 1:])
        loss = losses[0] + losses[1:].mean() if len(losses) > 1 and not losses[1:].isnan().any() else losses[0]
        return SpokenOutput(loss=loss, losses=losses.detach())

    def losses(self, hidden: Tensor, labels: Tensor) -> Tensor:
        """Mean cross entropy of each stream [K]: hidden [B, P, H], the labels [B, P, K] of what comes next."""
        said = labels[..., 0] != IGNORED
        first = F.cross_entropy(self.first_logits(hidden[said]).float(), labels[..., 0][said])
        sounding = labels[..., -1] != IGNORED
        if self.layout.num_codebooks == 1:
            return first.unsqueeze(0)
        logits = self.code_logits(hidden[sounding])
        codes = labels[..., 1:][sounding] - self._starts(labels.device)
        each = F.cross_entropy(logits.flatten(0, 1).float(), codes.flatten(), reduction="none").view_as(codes)
        return torch.cat([first.unsqueeze(0), each.mean(0)])

    def first_logits(self, hidden: Tensor) -> Tensor:
        """[..., H] -> [..., text and codebook 0]."""
        return F.linear(hidden, self.head.weight[: self.layout.first_stream.stop])

    def code_logits(self, hidden: Tensor) -> Tensor:
        """[..., H] -> [..., K - 1, codes and pads of one codebook], of codebooks 1 and up."""
        first, last = self.layout.codebook(1), self.layout.codebook(self.layout.num_codebooks - 1)
        logits = F.linear(hidden, self.head.weight[first.start : last.stop])
        return logits.unflatten(-1, (self.layout.num_codebooks - 1, self.layout.codebook_size))

    def _starts(self, device: torch.device) -> Tensor:
        starts = [self.layout.codebook(index).start for index in range(1, self.layout.num_codebooks)]
        return torch.tensor(starts, device=device)


def segment_attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    segments: list[int] | None = None,
    **others: Any,
) -> tuple[Tensor, None]:
    """Causal attention within each of the packed segments, one at a time: no mask of P x P, no work across segments."""
    if segments is None:
        return sdpa_attention_forward(module, query, key, value, attention_mask, **others)
    groups = query.shape[1] // key.shape[1]
    parts = [tensor.split(segments, dim=2) for tensor in (query, key, value)]
    attended = [
        F.scaled_dot_product_attention(q, k, v, is_causal=True, scale=others["scaling"], enable_gqa=groups > 1)
        for q, k, v in zip(*parts, strict=True)
    ]
    return torch.cat(attended, dim=2).transpose(1, 2), None


AttentionInterface.register(SEGMENTS, segment_attention)
AutoConfig.register(SpokenConfig.model_type, SpokenConfig)
AutoModel.register(SpokenConfig, SpokenModel)
