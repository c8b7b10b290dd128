import numpy as np
import pytest

from schemas.script import LANGUAGES, Language
from schemas.seeds import generator
from schemas.tags import tags_in, without_tags
from stages.backends.espeak_voice import design_voice
from trainer.clips import (
    CLIPS_A_VOICE,
    DESCRIBED_SHARE,
    make_carrier_clips,
    make_clips,
    practice_character,
    practice_text,
)


@pytest.mark.parametrize("language", LANGUAGES)
def test_texts_are_speakable_and_rarely_repeat(language: Language) -> None:
    random = generator("practice texts")
    texts = [practice_text(random, language) for _ in range(200)]
    assert len(set(texts)) > 190
    assert all(text[-1] in ".?!。？！" for text in texts)
    assert 5 <= sum(bool(tags_in(text)) for text in texts) <= 60
    letters = "".join(c for text in texts for c in without_tags(text) if c.isalnum())
    assert all(c.isascii() == (language == "en") for c in letters)


def test_namespaces_share_no_voice_and_indices_keep_theirs() -> None:
    first = [practice_character("a", index, "en") for index in range(6)]
    assert first == [practice_character("a", index, "en") for index in range(6)]
    others = {practice_character("b", index, "en").character_id for index in range(6)}
    assert not others & {character.character_id for character in first}


def test_a_clip_depends_on_namespace_and_index_alone() -> None:
    together = list(make_clips("test clips", [1, 2]))
    alone = next(make_clips("test clips", [2]))
    assert alone.line == together[1].line
    assert np.array_equal(alone.samples, together[1].samples)
    assert [clip.line.language for clip in together] == ["zh", "en"]


def test_a_voice_says_several_clips() -> None:
    indices = range(0, 2 * CLIPS_A_VOICE + 1, 2)
    speakers = [clip.line.character.character_id for clip in make_carrier_clips("test voices", indices)]
    assert len(set(speakers[:-1])) == 1
    assert speakers[-1] != speakers[0]


def test_carrier_clips_keep_their_phones_inside_the_audio() -> None:
    for clip in make_carrier_clips("test carriers", [0, 1]):
        assert clip.samples.dtype == np.int16
        assert 15_900 <= np.abs(clip.samples).max() <= 16_000
        assert clip.phones[-1].end_s == pytest.approx(len(clip.samples) / 24_000, abs=0.002)
        starts = [span.start_s for span in clip.phones]
        assert starts == sorted(starts)


@pytest.mark.parametrize("language", LANGUAGES)
def test_voices_are_described_in_words_that_move_the_engine(language: Language) -> None:
    characters = [practice_character("described", index, language) for index in range(60)]
    for part in DESCRIBED_SHARE:
        told = [getattr(character, part) for character in characters]
        assert len(set(told)) > 4
        assert "" in told
        described = next(character for character in characters if getattr(character, part))
        plain = described.model_copy(update={part: ""})
        assert design_voice(described).traits != design_voice(plain).traits
