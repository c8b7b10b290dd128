"""Features to codes and back. Residual quantization: each codebook refines what the ones before it left over.

80 ms of log-mel are quantized as principal components, moved by a net that sees their neighbours; what the codes stand
for is mended by another net that sees theirs. Both know the f0 contour and voicing, which have codebooks of their own.
"""

import torch
from torch import Tensor, nn

from stages.backends.codec_features import (
    FRAMES_PER_CODE,
    LOG2_F0_MEAN,
    LOG_MEL_MEAN,
    LOG_MEL_SCALE,
    MELS,
    VOICING_WEIGHT,
    Features,
    stack_prosody,
    unstack_prosody,
)
from stages.backends.convnext import ConvNeXtBlock

BEAM = 8
FEWEST_MEMBERS = 3
"""A centroid with fewer members than this is dead: it is moved to a vector that is served badly."""
STACKED_MELS = FRAMES_PER_CODE * MELS
STACKED_PROSODY = 2 * FRAMES_PER_CODE
KERNEL = 5
ANALYSIS_WIDTH, ANALYSIS_BLOCKS = 192, 3
SYNTHESIS_WIDTH, SYNTHESIS_BLOCKS = 256, 4


class ContextNet(nn.Module):
    """Log-mel [B, T, 8 * MELS] and prosody [B, T, 16] of T codes -> [B, T, `outputs`], zero before training."""

    def __init__(self, width: int, blocks: int, outputs: int) -> None:
        super().__init__()
        self.enter = nn.Linear(STACKED_MELS + STACKED_PROSODY, width)
        self.blocks = nn.Sequential(*(ConvNeXtBlock(width, KERNEL, 2) for _ in range(blocks)))
        self.norm = nn.LayerNorm(width)
        self.exit = nn.Linear(width, outputs)
        nn.init.zeros_(self.exit.weight)
        nn.init.zeros_(self.exit.bias)

    def forward(self, mel: Tensor, prosody: Tensor) -> Tensor:
        contour, voicing = prosody.chunk(2, dim=2)
        inputs = (mel - LOG_MEL_MEAN) / LOG_MEL_SCALE, contour - LOG2_F0_MEAN, voicing / VOICING_WEIGHT
        change: Tensor = self.exit(self.norm(self.blocks(self.enter(torch.cat(inputs, dim=2)))))
        return change.float()


class Quantizer(nn.Module):
    """The tables and nets of the codec. C = 1024 centroids a codebook; mels are quantized as D principal components.

    mel_mean [8 * MELS], mel_basis [8 * MELS, D] with orthonormal columns, mel_codebooks [Km, C, D],
    prosody_codebooks [Kp, C, 16] (layout: `codec_features.stack_prosody`). Prosody [..., T, 16] has that layout too.
    """

    mel_mean: Tensor
    mel_basis: Tensor
    mel_spread: Tensor
    prosody_codebooks: Tensor

    def __init__(self, mel_mean: Tensor, mel_basis: Tensor, mel_codebooks: Tensor, prosody_codebooks: Tensor) -> None:
        super().__init__()
        self.register_buffer("mel_mean", mel_mean)
        self.register_buffer("mel_basis", mel_basis)
        self.register_buffer("mel_spread", mel_codebooks[0].std(dim=0))
        self.register_buffer("prosody_codebooks", prosody_codebooks)
        self.mel_codebooks = nn.Parameter(mel_codebooks)
        self.analysis = ContextNet(ANALYSIS_WIDTH, ANALYSIS_BLOCKS, mel_basis.shape[1])
        self.synthesis = ContextNet(SYNTHESIS_WIDTH, SYNTHESIS_BLOCKS, STACKED_MELS)

    def analyse(self, mel: Tensor, prosody: Tensor) -> Tensor:
        """What of log-mels [B, T, 8 * MELS] is quantized: [B, T, D]."""
        vectors: Tensor = (mel - self.mel_mean) @ self.mel_basis + self.analysis(mel, prosody) * self.mel_spread
        return vectors

    def synthesize(self, vectors: Tensor, prosody: Tensor) -> Tensor:
        """The log-mels [B, T, 8 * MELS] that quantized vectors [B, T, D] stand for."""
        mel = vectors @ self.mel_basis.T + self.mel_mean
        mended: Tensor = mel + LOG_MEL_SCALE * self.synthesis(mel, prosody)
        return mended

    @torch.no_grad()
    def quantize(self, features: Features) -> Tensor:
        """Codes int64 [T, Km + Kp]: log-mel first, then prosody."""
        stacked = torch.from_numpy(stack_prosody(features.log2_f0, features.voiced))
        prosody_codes = encode(stacked, self.prosody_codebooks)
        mel = torch.from_numpy(features.mel).reshape(-1, STACKED_MELS)
        vectors = self.analyse(mel[None], decode(prosody_codes, self.prosody_codebooks)[None])[0]
        return torch.cat([encode(vectors, self.mel_codebooks), prosody_codes], dim=1)

    @torch.no_grad()
    def dequantize(self, codes: Tensor) -> Features:
        """The features that codes int64 [T, Km + Kp] stand for."""
        mel_codes, prosody_codes = codes.tensor_split([len(self.mel_codebooks)], dim=1)
        prosody = decode(prosody_codes, self.prosody_codebooks)
        mel = self.synthesize(decode(mel_codes, self.mel_codebooks)[None], prosody[None])[0]
        return Features(mel.reshape(-1, MELS).numpy(), *unstack_prosody(prosody.numpy()))


def encode(vectors: Tensor, codebooks: Tensor) -> Tensor:
    """Codes int64 [T, K] of `vectors` [T, D] for `codebooks` [K, C, D], by a beam search over the K refinements.

    The nearest centroid at each step is not the best start for the next step: keeping BEAM partial sums is.
    """
    residuals, codes = vectors[:, None, :], torch.zeros(len(vectors), 1, 0, dtype=torch.int64)
    for codebook in codebooks:
        errors = codebook.square().sum(dim=1) - 2.0 * residuals @ codebook.T + residuals.square().sum(2, keepdim=True)
        best = errors.flatten(1).topk(min(BEAM, errors[0].numel()), dim=1, largest=False).indices
        parents, choices = best // len(codebook), best % len(codebook)
        rows = torch.arange(len(vectors))[:, None]
        residuals = residuals[rows, parents] - codebook[choices]
        codes = torch.cat([codes[rows, parents], choices[..., None]], dim=2)
    return codes[:, 0]


def encode_greedily(vectors: Tensor, codebooks: Tensor) -> Tensor:
    """`encode` with a beam of one: much faster."""
    codes, residuals = [], vectors
    for codebook in codebooks:
        codes.append(_nearest(residuals, codebook))
        residuals = residuals - codebook[codes[-1]]
    return torch.stack(codes, dim=1)


def decode(codes: Tensor, codebooks: Tensor) -> Tensor:
    """Vectors [T, D] of codes int64 [T, K]: the sum of the chosen centroids."""
    return codebooks[torch.arange(len(codebooks)), codes].sum(dim=1)


def fit(vectors: Tensor, books: int, cardinality: int, rounds: int, generator: torch.Generator) -> Tensor:
    """Codebooks [K, C, D] for `vectors` [N, D]: k-means on the vectors, then on what is left over, and so on."""
    residuals, codebooks = vectors.clone(), []
    for _ in range(books):
        codebook = _kmeans(residuals, cardinality, rounds, generator)
        residuals -= codebook[_nearest(residuals, codebook)]
        codebooks.append(codebook)
    return torch.stack(codebooks)


def refit(vectors: Tensor, codebooks: Tensor, codes: Tensor) -> Tensor:
    """One pass over the codebooks that moves each centroid to the mean of what the other codebooks leave to it."""
    codebooks = codebooks.clone()
    for book in range(len(codebooks)):
        wanted = vectors - decode(codes, codebooks) + codebooks[book, codes[:, book]]
        means, members = _means(wanted, codes[:, book], len(codebooks[book]))
        alive = members >= FEWEST_MEMBERS
        codebooks[book, alive] = means[alive]
    return codebooks


def _kmeans(vectors: Tensor, cardinality: int, rounds: int, generator: torch.Generator) -> Tensor:
    """Centroids [C, D] by Lloyd's algorithm from random vectors, with dead centroids restarted."""
    centroids = vectors[torch.randperm(len(vectors), generator=generator)[:cardinality]].clone()
    for step in range(rounds):
        owners = _nearest(vectors, centroids)
        means, members = _means(vectors, owners, cardinality)
        empty, dead = members == 0, members < FEWEST_MEMBERS
        means[empty] = centroids[empty]
        if step < rounds - 1:  # a centroid restarted in the last round would never be fitted
            errors = (vectors - centroids[owners]).square().sum(dim=1)
            worst = torch.multinomial(errors, cardinality, generator=generator)[: dead.sum()]
            means[dead] = vectors[worst]
        centroids = means
    return centroids


def _nearest(vectors: Tensor, centroids: Tensor) -> Tensor:
    """Index of the nearest centroid, [N]; in slices, to bound memory."""
    norms = centroids.square().sum(dim=1)
    return torch.cat([(norms - 2.0 * part @ centroids.T).argmin(dim=1) for part in torch.split(vectors, 4096)])


def _means(vectors: Tensor, owners: Tensor, cardinality: int) -> tuple[Tensor, Tensor]:
    """Mean of the vectors of each owner [C, D], zero where there are none, and their count [C]."""
    members = torch.bincount(owners, minlength=cardinality)
    sums = torch.zeros(cardinality, vectors.shape[1]).index_add_(0, owners, vectors)
    return sums / members.clamp(min=1)[:, None], members
