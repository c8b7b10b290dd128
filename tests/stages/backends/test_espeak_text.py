import pytest
from pypinyin.constants import PINYIN_DICT
from pypinyin.contrib.tone_convert import to_tone3

from schemas.errors import UnspeakableTextError
from stages.backends.espeak_carrier import CarrierRequest, EspeakProcess
from stages.backends.espeak_text import english_text, mandarin_readings, mandarin_text

VOWEL_LETTERS = set("aeiouyAEIOUV@")


@pytest.mark.parametrize(
    ("spoken", "tokens"),
    [
        ("你好。", ("ni2", "hao3", ".")),
        ("一个，不是！", ("yi2", "ge4", ",", "bu2", "shi4", "!")),
        ("银行行长", ("yin2", "hang2", "hang2", "zhang3")),
        ("好了吗？", ("hao3", "le5", "ma5", "?")),
        ("女儿说：“熊。”", ("nv3", "er2", "shuo1", ":", "xiong2", ".")),
    ],
)
def test_mandarin_is_read_in_context(spoken: str, tokens: tuple[str, ...]) -> None:
    assert mandarin_readings(spoken) == tokens


def test_clause_marks_hang_on_syllables() -> None:
    assert mandarin_text(("ni2", "hao3", ",", "lü4", "!")) == "ni2 hao3, lv4!"
    assert mandarin_text(("xiong2", "mao1")) == "[[S;j'ong35]] mao1"


@pytest.mark.parametrize(
    ("spoken", "text"),
    [
        ("Well — “yes”, she’s in the café…", "Well , yes , she's in the cafe."),
        ("Mm-hm, yeah.", "[[@mh'@m]], [[j'a#]]."),
        ("the 'best' mother-in-law - ever", "the best mother-in-law ever"),
    ],
)
def test_english_becomes_plain(spoken: str, text: str) -> None:
    assert english_text(spoken) == text


@pytest.mark.parametrize(
    ("spoken", "complaint"),
    [
        ("I have 3 熊", "an English voice cannot say 3 熊 in: I have 3 熊"),
        ("...", "there is no word to say in: '...'"),
    ],
)
def test_english_that_cannot_be_said_is_named(spoken: str, complaint: str) -> None:
    with pytest.raises(UnspeakableTextError) as caught:
        english_text(spoken)
    assert str(caught.value) == complaint


@pytest.mark.parametrize(
    ("spoken", "complaint"),
    [
        ("我有A计划", "a Mandarin voice cannot say A in: 我有A计划"),
        ("？！", "there is no word to say in: '？！'"),
    ],
)
def test_mandarin_that_cannot_be_said_is_named(spoken: str, complaint: str) -> None:
    with pytest.raises(UnspeakableTextError) as caught:
        mandarin_readings(spoken)
    assert str(caught.value) == complaint


def test_what_is_no_syllable_is_named() -> None:
    with pytest.raises(UnspeakableTextError, match="there is no Mandarin syllable for 'bear'"):
        mandarin_text(("ni3", "bear"))


def test_every_syllable_of_pypinyin_is_one_mandarin_syllable(espeak: EspeakProcess) -> None:
    readings = {reading for entry in PINYIN_DICT.values() for reading in entry.split(",")}
    syllables = sorted({to_tone3(reading, v_to_u=False).rstrip("12345") for reading in readings})
    assert len(syllables) > 400
    for syllable in syllables:
        carrier = espeak.speak(CarrierRequest(mandarin_text([f"{syllable}4"]), "cmn", 300))
        phones = [phone.label for phone in carrier.phones[:-1]]
        nuclei = [label for label in phones if VOWEL_LETTERS & set(label)]
        assert not carrier.switched, syllable
        assert len(nuclei) == 1, (syllable, phones)
