from collections.abc import Iterator, Sequence

import numpy as np
import pytest

from schemas.errors import UnspeakableTextError
from schemas.script import LANGUAGES
from schemas.take import Samples
from stages.backends.phone_transcriber import GAP_CEILING, PhoneTranscriber
from stages.backends.protocols import Hearing
from trainer.clips import Clip, make_clips
from trainer.faults import CUTS, FAULTS, faulty_clips

CLEAN = 16
FAULTY = 6


@pytest.fixture(scope="module")
def ears() -> Iterator[PhoneTranscriber]:
    transcriber = PhoneTranscriber()
    transcriber.open()
    yield transcriber
    transcriber.close()


@pytest.fixture(scope="module")
def clips() -> list[Clip]:
    """Voices and texts that nothing was trained or fitted on."""
    return list(make_clips("transcriber test", range(CLEAN), style="plain"))


@pytest.fixture(scope="module")
def clean(ears: PhoneTranscriber, clips: list[Clip]) -> list[Hearing]:
    return hear(ears, clips)


def hear(ears: PhoneTranscriber, clips: Sequence[Clip]) -> list[Hearing]:
    return ears.transcribe([c.samples for c in clips], [c.line.spoken for c in clips], [c.line.language for c in clips])


def median(hearings: Sequence[Hearing], measure: str) -> float:
    return float(np.median([getattr(hearing, measure) for hearing in hearings]))


def test_good_clips_are_understood(clean: list[Hearing]) -> None:
    assert median(clean, "error_rate") < 0.15
    assert 0.9 < median(clean, "length_ratio") < 1.1
    assert median(clean, "gap") < 0.5
    assert all(hearing.fallback_share == 0 for hearing in clean)


def test_a_hearing_depends_on_its_own_clip_alone(
    ears: PhoneTranscriber, clips: list[Clip], clean: list[Hearing]
) -> None:
    assert hear(ears, clips[3:4]) == [clean[3]]
    assert hear(ears, clips[3::-1]) == clean[3::-1]


def test_another_text_is_heard_as_wrong(ears: PhoneTranscriber, clips: list[Clip], clean: list[Hearing]) -> None:
    for language in LANGUAGES:
        spoken = [clip for clip in clips if clip.line.language == language]
        texts = [clip.line.spoken for clip in spoken]
        wrong = ears.transcribe([c.samples for c in spoken], texts[1:] + texts[:1], [language] * len(spoken))
        assert min(h.gap for h in wrong if h.gap is not None) > max(h.gap for h in clean if h.gap is not None)


@pytest.mark.parametrize("cut", CUTS)
def test_a_cut_clip_has_a_larger_gap(ears: PhoneTranscriber, clips: list[Clip], clean: list[Hearing], cut: str) -> None:
    heard = hear(ears, [CUTS[cut](clip) for clip in clips])
    assert median(heard, "gap") > max(hearing.gap or 0 for hearing in clean)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_the_engine_shows_in_the_worst_word(
    ears: PhoneTranscriber, clean: list[Hearing], fault: str
) -> None:
    heard = hear(ears, list(faulty_clips("transcriber test faults", fault, FAULTY)))
    assert median(heard, "worst_gap") > float(np.quantile([hearing.worst_gap or 0 for hearing in clean], 0.95))


def test_a_word_the_dictionary_lacks_is_pronounced_by_the_engine_and_counted(
    ears: PhoneTranscriber, clips: list[Clip]
) -> None:
    hearing = ears.transcribe([clips[0].samples], ["good zorbifle"], ["en"])[0]
    assert hearing.fallback_share == 0.5
    assert hearing.reference.split()[3:] == ["Z", "AO", "R", "B", "IH", "F", "AH", "L"]


@pytest.mark.parametrize("samples", [np.zeros(0, dtype=np.int16), np.zeros(480, dtype=np.int16)])
def test_a_clip_too_short_for_its_text_gets_the_ceiling(ears: PhoneTranscriber, samples: Samples) -> None:
    hearing = ears.transcribe([samples], ["nothing fits in here"], ["en"])[0]
    assert (hearing.gap, hearing.worst_gap) == (GAP_CEILING, GAP_CEILING)


def test_a_text_without_words_is_refused(ears: PhoneTranscriber, clips: list[Clip]) -> None:
    with pytest.raises(UnspeakableTextError, match="no word to listen for"):
        ears.transcribe([clips[0].samples], ["..."], ["en"])


def test_the_fingerprint_is_stable(ears: PhoneTranscriber) -> None:
    assert ears.fingerprint == PhoneTranscriber().fingerprint
    assert len(ears.fingerprint) == 64
