"""How Mandarin text is read: pypinyin over whole phrases, and the readings that it is known to get wrong.

pypinyin 0.55 has no rule for 得 outside its phrase list and says de2 nearly everywhere. The rules here follow the
Xiandai Hanyu Cidian: de5 after a verb or adjective, dei3 as a modal verb, de2 in words of obtaining.
"""

import re
from collections.abc import Iterator

WORDS: dict[str, tuple[str, ...]] = {
    "照片": ("zhao4", "pian4"),
    **{f"教{whom}": ("jiao1", reading) for whom, reading in zip("你我他她", ("ni3", "wo3", "ta1", "ta1"), strict=True)},
}
"""Words with their readings, which win over pypinyin's."""

OBTAINS = "到罪体意知分奖失病"  # 得 and one of these is a word of its own, read de2
OBTAINED = "获取难心夺赢所只"  # one of these and 得 too
MUST = "就还总都也又可先必你我他她它们咱"  # after these 得 is "must", unless it is "obtain"
NOT_BUT = "不了已"  # 不得不, 不得了, 不得已


def mandarin_syllables(hanzi: str) -> list[str]:
    """Syllables with tone digits, one per character of a run of Chinese characters; tone sandhi applied."""
    from pypinyin import Style, lazy_pinyin

    syllables: list[str] = lazy_pinyin(hanzi, style=Style.TONE3, neutral_tone_with_five=True, tone_sandhi=True)
    for position, reading in _corrections(hanzi):
        syllables[position] = reading
    return syllables


def _corrections(hanzi: str) -> Iterator[tuple[int, str]]:
    for word, readings in WORDS.items():
        for match in re.finditer(word, hanzi):
            yield from enumerate(readings, start=match.start())
    for match in re.finditer("得", hanzi):
        yield match.start(), _read_de(hanzi[: match.start()], hanzi[match.end() :])
    for match in re.finditer("(?<=[得不])着", hanzi):  # 睡得着, 睡不着
        yield match.start(), "zhao2"


def _read_de(before: str, after: str) -> str:
    """The reading of 得 between two stretches of text."""
    if before.endswith("不"):
        return "de2" if after[:1] and after[0] in NOT_BUT else "de5"
    if not before or before[-1] in OBTAINED or (after[:1] and after[0] in OBTAINS):
        return "de2"
    return "dei3" if before[-1] in MUST else "de5"
