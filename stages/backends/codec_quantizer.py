"""Features to codes and back. Residual quantization: each codebook refines what the ones before it left over."""

from dataclasses import dataclass

import torch
from torch import Tensor

from stages.backends.codec_features import FRAMES_PER_CODE, MELS, Features, stack_prosody, unstack_prosody

BEAM = 8
FEWEST_MEMBERS = 3
"""A centroid with fewer members than this is dead: it is moved to a vector that is served badly."""


@dataclass(frozen=True)
class Quantizer:
    """The tables of the codec. C = 1024 centroids a codebook; mels are quantized as D principal components.

    mel_mean [8 * MELS], mel_basis [8 * MELS, D] with orthonormal columns, mel_codebooks [Km, C, D],
    prosody_codebooks [Kp, C, 16] (layout: `codec_features.stack_prosody`).
    """

    mel_mean: Tensor
    mel_basis: Tensor
    mel_codebooks: Tensor
    prosody_codebooks: Tensor

    def mel_vectors(self, features: Features) -> Tensor:
        """Principal components [T, D] of the log-mel of each code."""
        stacked = torch.from_numpy(features.mel).reshape(-1, FRAMES_PER_CODE * MELS)
        return (stacked - self.mel_mean) @ self.mel_basis

    def quantize(self, features: Features) -> Tensor:
        """Codes int64 [T, Km + Kp]: log-mel first, then prosody."""
        prosody = torch.from_numpy(stack_prosody(features.log2_f0, features.voiced))
        mel_codes = encode(self.mel_vectors(features), self.mel_codebooks)
        return torch.cat([mel_codes, encode(prosody, self.prosody_codebooks)], dim=1)

    def dequantize(self, codes: Tensor) -> Features:
        """The features that codes int64 [T, Km + Kp] stand for."""
        mel_books = len(self.mel_codebooks)
        mel = decode(codes[:, :mel_books], self.mel_codebooks) @ self.mel_basis.T + self.mel_mean
        prosody = decode(codes[:, mel_books:], self.prosody_codebooks)
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
