"""Residual k-means: known tables give known codes, and fitting recovers known clusters."""

import numpy as np
import pytest
import torch

from stages.backends import codec_quantizer
from stages.backends.codec_features import FRAMES_PER_CODE, MELS, Features
from stages.backends.codec_quantizer import Quantizer

LINE = torch.tensor([[[0.0], [10.0]], [[-4.0], [3.0]]])
"""Two codebooks of two centroids on a line: sums -4, 3, 6, 13."""


def test_decode_sums_the_chosen_centroids() -> None:
    codes = torch.tensor([[0, 0], [0, 1], [1, 0], [1, 1]])

    assert codec_quantizer.decode(codes, LINE).flatten().tolist() == [-4.0, 3.0, 6.0, 13.0]


def test_encode_finds_the_best_sum_where_the_nearest_first_centroid_misleads() -> None:
    # 4.9 is nearer to 0 than to 10, and 0 + 3 is 1.9 away, but 10 - 4 only 1.1.
    assert codec_quantizer.encode(torch.tensor([[4.9]]), LINE).tolist() == [[1, 0]]


def test_encode_greedily_takes_the_nearest_centroid_each_time() -> None:
    assert codec_quantizer.encode_greedily(torch.tensor([[4.9], [11.0]]), LINE).tolist() == [[0, 1], [1, 1]]


def test_encode_does_not_depend_on_the_other_vectors() -> None:
    random = torch.Generator().manual_seed(3)
    codebooks = torch.randn(3, 16, 5, generator=random)
    vectors = torch.randn(20, 5, generator=random)
    together = codec_quantizer.encode(vectors, codebooks)

    assert together.shape == (20, 3)
    assert torch.cat([codec_quantizer.encode(row[None], codebooks) for row in vectors]).tolist() == together.tolist()


def test_fit_recovers_separated_clusters_whatever_the_start() -> None:
    centres = torch.tensor([[0.0, 0.0], [50.0, 0.0], [0.0, 50.0], [50.0, 50.0]])
    random = torch.Generator().manual_seed(0)
    vectors = (centres[:, None] + torch.randn(4, 100, 2, generator=random)).reshape(-1, 2)
    codebooks = codec_quantizer.fit(vectors, books=1, cardinality=4, rounds=20, generator=random)
    found = sorted(codebooks[0].round().int().tolist())

    assert np.abs(np.array(found) - np.array(sorted(centres.int().tolist()))).max() <= 1


def test_fit_uses_every_centroid_though_most_vectors_are_silence() -> None:
    random = torch.Generator().manual_seed(0)
    vectors = torch.cat([torch.zeros(900, 3), torch.randn(300, 3, generator=random)])
    codebooks = codec_quantizer.fit(vectors, books=1, cardinality=32, rounds=12, generator=random)
    owners = codec_quantizer.encode(vectors, codebooks).flatten()

    assert len(owners.unique()) >= 28


def test_each_codebook_and_each_refit_lowers_the_error() -> None:
    random = torch.Generator().manual_seed(0)
    vectors = torch.randn(2000, 6, generator=random)
    codebooks = codec_quantizer.fit(vectors, books=3, cardinality=32, rounds=10, generator=random)

    def error(tables: torch.Tensor) -> float:
        codes = codec_quantizer.encode(vectors, tables)
        return float((vectors - codec_quantizer.decode(codes, tables)).square().mean())

    one, two, three = (error(codebooks[:count]) for count in (1, 2, 3))
    refitted = codec_quantizer.refit(vectors, codebooks, codec_quantizer.encode(vectors, codebooks))
    assert one > two > three > error(refitted)


@pytest.fixture
def quantizer() -> Quantizer:
    random = torch.Generator().manual_seed(0)
    basis = torch.linalg.qr(torch.randn(FRAMES_PER_CODE * MELS, 4, generator=random)).Q
    contours = 7.0 + torch.arange(4.0)[:, None].expand(4, FRAMES_PER_CODE)
    voicing = 0.35 * torch.ones(4, FRAMES_PER_CODE)
    finer = torch.arange(4.0)[:, None] * torch.full((4, 2 * FRAMES_PER_CODE), 0.01)
    return Quantizer(
        mel_mean=torch.randn(FRAMES_PER_CODE * MELS, generator=random),
        mel_basis=basis,
        mel_codebooks=torch.randn(2, 4, 4, generator=random) * torch.tensor([10.0, 1.0])[:, None, None],
        prosody_codebooks=torch.stack([torch.cat([contours, voicing], 1), finer]),
    )


CODES = torch.tensor([[0, 1, 2, 0], [3, 2, 1, 0], [1, 1, 0, 0]])


def test_features_on_the_tables_come_back_exactly(quantizer: Quantizer) -> None:
    features = quantizer.dequantize(CODES)

    assert features.mel.shape == (3 * FRAMES_PER_CODE, MELS)
    assert features.log2_f0[::FRAMES_PER_CODE].tolist() == [9.0, 8.0, 7.0]
    assert features.voiced.all()
    assert quantizer.quantize(features).tolist() == CODES.tolist()
    assert quantizer.quantize(Features(features.mel[:8], features.log2_f0[:8], features.voiced[:8])).tolist() == [
        CODES[0].tolist()
    ]


def test_a_trained_synthesis_hears_the_neighbours_of_a_code_but_no_further_than_its_kernels(
    quantizer: Quantizer,
) -> None:
    torch.nn.init.normal_(quantizer.synthesis.exit.weight)
    reach = codec_quantizer.SYNTHESIS_BLOCKS * (codec_quantizer.KERNEL // 2)
    codes = CODES[:1].repeat(2 * reach + 3, 1)
    other = codes.clone()
    other[0, 0] = 3
    mels = [quantizer.dequantize(one).mel.reshape(len(one), -1) for one in (codes, other)]
    moved = np.abs(mels[0] - mels[1]).max(axis=1) > 1e-6

    assert moved[: reach + 1].all()
    assert not moved[reach + 1 :].any()
