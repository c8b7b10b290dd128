import pytest

from schemas.phones import ARPABET, INDEX, INITIALS, LABELS, TONES, strip_stress, syllable_phones


def test_inventory_is_a_bijection_with_the_blank_first() -> None:
    assert LABELS[0] == "_"
    assert [INDEX[label] for label in LABELS] == list(range(len(LABELS)))
    assert (len(ARPABET), len(INITIALS), len(TONES)) == (39, 21, 5)


@pytest.mark.parametrize(
    ("syllable", "phones"),
    [
        ("zhang3", ("zh", "ang", "3")),
        ("chang2", ("ch", "ang", "2")),
        ("xing2", ("x", "ing", "2")),
        ("liu4", ("l", "iou", "4")),
        ("gui4", ("g", "uei", "4")),
        ("dun4", ("d", "uen", "4")),
        ("ju2", ("j", "v", "2")),
        ("quan2", ("q", "van", "2")),
        ("xue2", ("x", "ve", "2")),
        ("lüe4", ("l", "ve", "4")),
        ("nv3", ("n", "v", "3")),
        ("zi5", ("z", "ih", "5")),
        ("shi4", ("sh", "ih", "4")),
        ("li3", ("l", "i", "3")),
        ("xiong2", ("x", "iong", "2")),
        ("yuan2", ("van", "2")),
        ("wen4", ("uen", "4")),
        ("you3", ("iou", "3")),
        ("er2", ("er", "2")),
        ("a5", ("a", "5")),
        ("ng4", ("en", "4")),
    ],
)
def test_a_syllable_is_written_in_full(syllable: str, phones: tuple[str, ...]) -> None:
    assert syllable_phones(syllable) == phones


def test_every_reading_pypinyin_knows_has_its_own_phones() -> None:
    from pypinyin import Style, pinyin
    from pypinyin.pinyin_dict import pinyin_dict

    syllables: set[str] = set()
    for code in pinyin_dict:
        syllables.update(pinyin(chr(code), style=Style.TONE3, heteronym=True, neutral_tone_with_five=True)[0])
    by_phones: dict[tuple[str, ...], set[str]] = {}
    for syllable in syllables:
        by_phones.setdefault(syllable_phones(syllable)[:-1], set()).add(syllable[:-1].replace("ü", "v"))
    shared = sorted(sorted(names) for names in by_phones.values() if len(names) > 1)
    assert shared == [["ei", "ê"], ["en", "n", "ng"], ["hen", "hm"], ["heng", "hng"], ["m", "mu"], ["weng", "wong"]]


@pytest.mark.parametrize("syllable", ["zhang", "zhang6", "bcd3", "", "3", "hello1"])
def test_what_is_no_syllable_is_refused_by_name(syllable: str) -> None:
    with pytest.raises(ValueError, match=f"'{syllable}' is not a Pinyin syllable"):
        syllable_phones(syllable)


def test_stress_is_stripped() -> None:
    assert strip_stress("HH AH0 L OW1") == ("HH", "AH", "L", "OW")
