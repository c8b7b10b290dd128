import numpy as np
import pytest
import torch

from schemas.seeds import generator
from stages.backends.phone_scores import LogPosteriors, align, ctc_loss, floored, greedy_labels, word_deficits


def posteriors_of(path: list[int], sure: float = 0.98, labels: int = 6) -> LogPosteriors:
    """Posteriors that give `sure` to one label a frame and share the rest among the others."""
    probabilities = np.full((len(path), labels), (1 - sure) / (labels - 1), dtype=np.float32)
    probabilities[np.arange(len(path)), path] = sure
    return np.log(probabilities)


def test_greedy_merges_repeats_and_drops_blanks() -> None:
    assert greedy_labels(posteriors_of([0, 3, 3, 0, 3, 2, 2, 0])) == [3, 3, 2]
    assert greedy_labels(posteriors_of([0, 0])) == []


@pytest.mark.parametrize("labels", [[], [3], [3, 3, 5, 1], [2, 2, 2, 2, 2]])
def test_ctc_loss_equals_torch(labels: list[int]) -> None:
    logits = torch.from_numpy(generator("ctc").normal(0, 2, (30, 6)))
    posteriors = logits.log_softmax(-1)
    expected = torch.nn.functional.ctc_loss(
        posteriors[:, None], torch.tensor([labels]), torch.tensor([30]), torch.tensor([len(labels)]), reduction="sum"
    )
    assert ctc_loss(posteriors.float().numpy(), labels) == pytest.approx(expected.item(), rel=1e-5)


def test_ctc_loss_is_infinite_where_labels_do_not_fit() -> None:
    assert ctc_loss(posteriors_of([1, 2]), [1, 1]) == np.inf


def test_alignment_follows_the_frames() -> None:
    assert align(posteriors_of([0, 3, 3, 0, 3, 2, 0]), [3, 3, 2]).tolist() == [0, 1, 1, 2, 3, 5, 6]


def test_alignment_refuses_labels_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match="3 labels do not fit into 2 frames"):
        align(posteriors_of([1, 2]), [1, 2, 3])


def test_a_right_reference_costs_nothing_and_a_wrong_word_is_charged_to_that_word() -> None:
    heard = posteriors_of([0, 1, 2, 0, 3, 0, 4, 0])
    assert word_deficits(heard, [[1, 2], [3], [4]]).tolist() == pytest.approx([0, 0, 0])
    odds = np.log(0.98 / (0.02 / 5))
    assert word_deficits(heard, [[1, 2], [5], [4]]).tolist() == pytest.approx([0, odds, 0], rel=1e-5)


def test_a_sound_the_reference_lacks_is_charged_to_the_word_before_it() -> None:
    heard = posteriors_of([1, 0, 5, 5, 0, 2])
    odds = np.log(0.98 / (0.02 / 5))
    assert word_deficits(heard, [[1], [2]]).tolist() == pytest.approx([2 * odds, 0], rel=1e-5)


def test_the_floor_bounds_what_one_frame_can_cost() -> None:
    heard = floored(posteriors_of([1, 2], sure=1 - 1e-9))
    assert heard.min() == -12
    assert word_deficits(heard, [[1], [3]])[1] == pytest.approx(12, abs=0.01)
