"""How well phone posteriors fit a reference: greedy reading, CTC gap, and the worst word of a forced alignment.

Posteriors are natural-log probabilities [T, len(LABELS)]; labels are rows of `schemas.phones.LABELS`, 0 the blank.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

LogPosteriors = NDArray[np.float32]

LOG_FLOOR = -12.0
"""Log probabilities are raised to this, so that one frame the net is sure about cannot outweigh a whole word."""


def floored(posteriors: LogPosteriors) -> LogPosteriors:
    """The posteriors with LOG_FLOOR as the lowest value."""
    return np.maximum(posteriors, np.float32(LOG_FLOOR))


def greedy_labels(posteriors: LogPosteriors) -> list[int]:
    """The best label of every frame, repeats merged and blanks dropped."""
    best = posteriors.argmax(axis=1)
    changed = np.concatenate([[True], best[1:] != best[:-1]])
    return [int(label) for label in best[changed] if label != 0]


def _states(labels: Sequence[int]) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """CTC's states [2 S + 1], blanks around the labels, and which of them may be entered from two states back."""
    states = np.zeros(2 * len(labels) + 1, dtype=np.intp)
    states[1::2] = labels
    skips = np.zeros(len(states), dtype=np.bool_)
    skips[2:] = (states[2:] != 0) & (states[2:] != states[:-2])
    return states, skips


def ctc_loss(posteriors: LogPosteriors, labels: Sequence[int]) -> float:
    """Minus the log probability of the labels, summed over all alignments (Graves et al. 2006), in nats.

    Infinite where the labels do not fit into the frames.
    """
    states, skips = _states(labels)
    emitted = posteriors[:, states].astype(np.float64)
    alpha = np.full(len(states), -np.inf)
    alpha[:2] = emitted[0, :2]
    padded = np.full(len(states) + 2, -np.inf)
    for frame in emitted[1:]:
        padded[2:] = alpha
        entered = np.logaddexp(alpha, padded[1:-1])
        entered = np.where(skips, np.logaddexp(entered, padded[:-2]), entered)
        alpha = entered + frame
    return -float(np.logaddexp.reduce(alpha[-2:]))


def align(posteriors: LogPosteriors, labels: Sequence[int]) -> NDArray[np.intp]:
    """The state of each frame on the best alignment (Viterbi): odd 2 i + 1 is label i, even 2 i the blank before it.

    Raises ValueError where the labels do not fit into the frames.
    """
    states, skips = _states(labels)
    emitted = posteriors[:, states].astype(np.float64)
    score = np.full(len(states), -np.inf)
    score[:2] = emitted[0, :2]
    steps = np.zeros(emitted.shape, dtype=np.intp)
    candidates = np.full((3, len(states)), -np.inf)
    for t in range(1, len(emitted)):
        candidates[0] = score
        candidates[1, 1:] = score[:-1]
        candidates[2, 2:] = np.where(skips[2:], score[:-2], -np.inf)
        steps[t] = candidates.argmax(axis=0)
        score = candidates.max(axis=0) + emitted[t]
    state = len(states) - 1 if len(states) == 1 or score[-1] >= score[-2] else len(states) - 2
    if not np.isfinite(score[state]):
        raise ValueError(f"{len(labels)} labels do not fit into {len(posteriors)} frames.")
    path = np.zeros(len(emitted), dtype=np.intp)
    for t in range(len(emitted) - 1, -1, -1):
        path[t] = state
        state -= steps[t, state]
    return path


def word_deficits(posteriors: LogPosteriors, words: Sequence[Sequence[int]]) -> NDArray[np.float64]:
    """[W]: what each word (label indices) costs on the best alignment against the best label of every frame, nats.

    A blank counts for the word before it (the first ones for the first word): sounds that the reference lacks are
    charged to a word too. Raises ValueError where the words do not fit into the frames.
    """
    labels = [label for word in words for label in word]
    path = align(posteriors, labels)
    states, _ = _states(labels)
    missed = (posteriors.max(axis=1) - posteriors[np.arange(len(posteriors)), states[path]]).astype(np.float64)
    owner = np.repeat(np.arange(len(words)), [len(word) for word in words])
    of_frame = owner[np.maximum(path - 1, 0) // 2]
    return np.bincount(of_frame, weights=missed, minlength=len(words)).astype(np.float64)
