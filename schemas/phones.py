"""The phone inventory of the embedded recognizer, and how Pinyin syllables and ARPABET spell into it.

English: the 39 ARPABET phones of CMUdict without stress, upper case. Mandarin: initials and finals in Pinyin
letters, lower case, each final followed by its tone, "1" to "4" and "5" for the neutral tone. Finals are written
in full, whatever Pinyin abbreviates: liu = l iou, gui = g uei, dun = d uen, ju = j v (v for ü), yan = ian; the
apical vowel of zi and zhi is "ih". The label of index 0 is the blank of CTC.
"""

_ARPABET = "AA AE AH AO AW AY B CH D DH EH ER EY F G HH IH IY JH K L M N NG OW OY P R S SH T TH UH UW V W Y Z ZH"
_INITIALS = "b p m f d t n l g k h j q x zh ch sh r z c s"
_FINALS = (
    "a o e ai ei ao ou an en ang eng er ih i ia ie iao iou ian in iang ing iong io "
    "u ua uo uai uei uan uen uang ong ueng v ve van vn"
)

ARPABET: tuple[str, ...] = tuple(_ARPABET.split())
INITIALS: tuple[str, ...] = tuple(_INITIALS.split())
FINALS: tuple[str, ...] = tuple(_FINALS.split())
TONES: tuple[str, ...] = ("1", "2", "3", "4", "5")
BLANK = "_"

LABELS: tuple[str, ...] = (BLANK, *ARPABET, *INITIALS, *FINALS, *TONES)
INDEX: dict[str, int] = {label: index for index, label in enumerate(LABELS)}
"""Row of each label in the recognizer's output."""

_ZERO_INITIAL = {
    **{"yi": "i", "ya": "ia", "ye": "ie", "yo": "io", "yao": "iao", "you": "iou", "yan": "ian", "yin": "in"},
    **{"yang": "iang", "ying": "ing", "yong": "iong", "wu": "u", "wa": "ua", "wo": "uo", "wai": "uai", "wei": "uei"},
    **{"wan": "uan", "wen": "uen", "wang": "uang", "weng": "ueng", "wong": "ueng"},
    **{"yu": "v", "yue": "ve", "yuan": "van", "yun": "vn"},
}
_ABBREVIATED = {"iu": "iou", "ui": "uei", "un": "uen"}
_INTERJECTIONS = {
    **{"ê": ("ei",), "m": ("m", "u"), "n": ("en",), "ng": ("en",), "r": ("er",)},
    **{"hm": ("h", "en"), "hng": ("h", "eng")},
}
"""Syllables without a vowel, and ê: heard as the nearest syllable of the table."""


def strip_stress(phones: str) -> tuple[str, ...]:
    """ARPABET without stress digits: "HH AH0 L OW1" -> ("HH", "AH", "L", "OW")."""
    return tuple(phone.rstrip("012") for phone in phones.split())


def syllable_phones(syllable: str) -> tuple[str, ...]:
    """Initial (if any), final and tone of a Pinyin syllable with its tone digit: "zhang3" -> ("zh", "ang", "3").

    Raises ValueError for what is not a Pinyin syllable with a tone of 1 to 5.
    """
    base, tone = syllable[:-1].replace("ü", "v"), syllable[-1:]
    phones = _toneless_phones(base)
    if tone not in TONES or not phones or phones[-1] not in FINALS:
        raise ValueError(f"'{syllable}' is not a Pinyin syllable with a tone digit of 1 to 5.")
    return (*phones, tone)


def _toneless_phones(base: str) -> tuple[str, ...]:
    if base in _INTERJECTIONS:
        return _INTERJECTIONS[base]
    if base in _ZERO_INITIAL:
        return (_ZERO_INITIAL[base],)
    length = next((n for n in (2, 1) if base[:n] in INITIALS), 0)
    initial, final = base[:length], base[length:]
    if final == "i" and initial in ("zh", "ch", "sh", "r", "z", "c", "s"):
        final = "ih"
    elif final.startswith("u") and initial in ("j", "q", "x"):
        final = "v" + final[1:]
    final = _ABBREVIATED.get(final, final)
    return (initial, final) if initial else (final,)
