"""Polyphones that pypinyin misreads, and its readings left alone elsewhere."""

import pytest

from stages.backends.mandarin_readings import mandarin_syllables


@pytest.mark.parametrize(
    ("hanzi", "readings"),
    [
        ("跑得快", "pao3 de5 kuai4"),
        ("忙得很", "mang2 de5 hen3"),
        ("我得走", "wo3 dei3 zou3"),
        ("都得去", "dou1 dei3 qu4"),
        ("得到", "de2 dao4"),
        ("我得到", "wo3 de2 dao4"),
        ("难得见面", "nan2 de2 jian4 mian4"),
        ("舍不得走", "she3 bu4 de5 zou3"),
        ("不得不说", "bu4 de2 bu4 shuo1"),
        ("睡得着", "shui4 de5 zhao2"),
        ("看着", "kan4 zhe5"),
        ("照片", "zhao4 pian4"),
        ("教我做菜", "jiao1 wo3 zuo4 cai4"),
        ("教室", "jiao4 shi4"),
        ("一只猫", "yi4 zhi1 mao1"),
        ("长大", "zhang3 da4"),
    ],
)
def test_readings(hanzi: str, readings: str) -> None:
    assert mandarin_syllables(hanzi) == readings.split()
