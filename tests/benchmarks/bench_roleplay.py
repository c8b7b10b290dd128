"""Expressive lines of role-play, performed once: how many keep their own limits, and what the ears make of them.

Dialogues of the bundled worlds under a seed that nothing was fitted on; neutral plain lines are left out.
"""

import os
from collections import Counter

import numpy as np

from schemas.limits import load_limits
from schemas.script import LANGUAGES, Manner
from stages.judge import judge_line
from trainer.calibrate import Group, clean_lines, hear_parallel

NAMESPACE = "role-play bench"
LINES: dict[Manner, int] = {"plain": 110, "whisper": 25, "shout": 25}
"""Of each language."""


def main() -> None:
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    limits = load_limits("embedded")
    print("| language | lines | kept at the first attempt | phone error rate | similarity to the reference |")
    print("|---|---|---|---|---|")
    missed: Counter[str] = Counter()
    for language in LANGUAGES:
        lines = [
            line
            for style, count in LINES.items()
            for line in clean_lines(NAMESPACE, Group("roleplay", language, style), count)
            if line.turn.emotion != "neutral" or style != "plain"
        ]
        heard = hear_parallel(lines, os.cpu_count() or 1)
        verdicts = [judge_line(line, measures, limits) for line, measures in zip(lines, heard, strict=True)]
        missed.update(f"{language} {miss.measure}" for verdict in verdicts for miss in verdict.misses)
        kept = np.mean([verdict.accepted for verdict in verdicts])
        errors = np.mean([measures.error_rate for measures in heard])
        likeness = np.median([measures.speaker_similarity for measures in heard])
        print(f"| {language} | {len(lines)} | {kept:.1%} | {errors:.3f} | {likeness:.2f} |")
    print("\nmissed:", dict(missed.most_common()))


if __name__ == "__main__":
    main()
