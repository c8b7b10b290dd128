"""From a line's words to what espeak-ng is asked to say.

Mandarin goes in as numbered pinyin, read over whole phrases (so that polyphones are read in context and tone sandhi
applies); English goes in as text. Tests that need a wrong utterance build its tokens or text
themselves and go on with `mandarin_text` or a CarrierRequest.
"""

import re
import unicodedata
from collections.abc import Sequence

from schemas.errors import UnspeakableTextError
from schemas.script import Language
from stages.backends.mandarin_readings import mandarin_syllables

ENGLISH_RESPELLED = {
    # Interjections that espeak-ng 1.52 spells out letter by letter or misreads, as its own phonemes.
    "mm-hm": "[[@mh'@m]]",
    "mm-hmm": "[[@mh'@m]]",
    "mhm": "[[@mh'@m]]",
    "mm": "[['@m]]",
    "mmm": "[['@m]]",
    "hm": "hmm",
    "shh": "[[S'@]]",
    "sh": "[[S'@]]",
    "aww": "aw",
    "yeah": "[[j'a#]]",
}
MANDARIN_RESPELLED = {
    # espeak-ng 1.52 spells these four out in English when they are written as pinyin.
    "xiong": "[[S;j'ong{tone}]]",
    "qiong": "[[tS;hj'ong{tone}]]",
    "jiong": "[[tS;j'ong{tone}]]",
    "wong": "weng{digit}",
    # Interjections without a syllable of their own in espeak-ng, by their nearest syllable.
    "m": "mu{digit}",
    "n": "en{digit}",
    "ng": "en{digit}",
    "hng": "heng{digit}",
    "hm": "hen{digit}",
    "ê": "ei{digit}",
    "r": "er{digit}",
}
TONE_CONTOURS = {"1": "55", "2": "35", "3": "214", "4": "51", "5": "11"}
PUNCTUATION = {"，": ",", "、": ",", "；": ";", "：": ":", "。": ".", "！": "!", "？": "?", "…": ".", "—": ","}
CLAUSE_MARKS = ",;:.!?"
SILENT_MARKS = "\"'“”‘’《》（）()-·"
PLAIN_MARKS = str.maketrans("’‘“”—–…", "''\"\",,.")
_NOT_ENGLISH = re.compile(r"[^A-Za-z\s,;:.!?\"'()-]")
_WORD = re.compile(r"[A-Za-z]+(?:['-][A-Za-z]+)*")
_SYLLABLE = re.compile(r"([a-zêü]+)([1-5])")
_HANZI = re.compile(r"[\u3400-\u9fff]+")


def carrier_text(spoken: str, language: Language) -> str:
    """What espeak-ng is given. Raises UnspeakableTextError naming what cannot be said."""
    return english_text(spoken) if language == "en" else mandarin_text(mandarin_readings(spoken))


def english_text(spoken: str) -> str:
    """Plain ASCII words and punctuation; accents are dropped, since espeak-ng may switch language on them."""
    text = unicodedata.normalize("NFKD", spoken.translate(PLAIN_MARKS))
    text = "".join(c for c in text if not unicodedata.combining(c))
    foreign = sorted(set(_NOT_ENGLISH.findall(text)))
    if foreign:
        raise UnspeakableTextError(f"an English voice cannot say {' '.join(foreign)} in: {spoken}")
    if not any(c.isalpha() for c in text):
        raise UnspeakableTextError(f"there is no word to say in: {spoken!r}")
    text = re.sub(r"[\"()]|(?<![A-Za-z])['-]|['-](?![A-Za-z])", " ", text)
    return " ".join(_WORD.sub(lambda word: ENGLISH_RESPELLED.get(word[0].lower(), word[0]), text).split())


def mandarin_readings(spoken: str) -> tuple[str, ...]:
    """Syllables with tone digits (`ni2 hao3`: sandhi applied) and clause marks (ASCII), in order."""
    tokens: list[str] = []
    for piece in re.findall(r"[\u3400-\u9fff]+|\S", spoken):
        if _HANZI.fullmatch(piece):
            tokens += mandarin_syllables(piece)
        elif PUNCTUATION.get(piece, piece) in CLAUSE_MARKS:
            tokens.append(PUNCTUATION.get(piece, piece))
        elif piece not in SILENT_MARKS:
            raise UnspeakableTextError(f"a Mandarin voice cannot say {piece} in: {spoken}")
    if all(token in CLAUSE_MARKS for token in tokens):
        raise UnspeakableTextError(f"there is no word to say in: {spoken!r}")
    return tuple(tokens)


def mandarin_text(tokens: Sequence[str]) -> str:
    """espeak-ng's input for syllables and clause marks. Raises UnspeakableTextError for what is neither."""
    words: list[str] = []
    for token in tokens:
        if token in CLAUSE_MARKS:
            words[-1:] = [words[-1] + token] if words else []
            continue
        match = _SYLLABLE.fullmatch(token)
        if match is None:
            raise UnspeakableTextError(f"there is no Mandarin syllable for '{token}'")
        base, digit = match.groups()
        respelled = MANDARIN_RESPELLED.get(base, base.replace("ü", "v") + "{digit}")
        words.append(respelled.format(digit=digit, tone=TONE_CONTOURS[digit]))
    return " ".join(words)
