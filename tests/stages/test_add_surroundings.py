from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from schemas.seeds import generator
from schemas.take import SAMPLE_RATE, Line, Samples, Surroundings, Take
from stages.add_surroundings import (
    ACTIVE_DB,
    BLOCK,
    NOISES,
    WET_DB,
    AddSurroundings,
    room_response,
    steady_noise,
    surrounded,
)

MakeTake = Callable[..., Take]


@pytest.fixture
def make_take(make_line: Callable[..., Line], babble: Samples) -> MakeTake:
    """A take of speech with a quarter of a second of silence before and after it."""

    def make(dialogue: str = "d0", role: str = "user", turn_index: int = 0, attempt: int = 0) -> Take:
        line = make_line(dialogue_id=dialogue, turn_index=turn_index, attempt=attempt, seed=attempt)
        line = replace(line, turn=line.turn.model_copy(update={"role": role}))
        return Take(line, np.pad(babble, SAMPLE_RATE // 4), SAMPLE_RATE, ())

    return make


def level(samples: Samples) -> float:
    return float(np.sqrt(np.mean((samples / 32768.0) ** 2)))


def decay_s(response: np.ndarray) -> float:
    """Reverberation time by Schroeder's backward integration of what follows the early reflections, -5 to -25 dB."""
    tail = response[round(0.03 * SAMPLE_RATE) :]
    remaining_db = 10 * np.log10(np.cumsum(tail[::-1] ** 2)[::-1] / np.sum(tail**2) + 1e-12)
    start, end = (int(np.argmax(remaining_db < bound)) for bound in (-5, -25))
    slope = np.polyfit(np.arange(start, end) / SAMPLE_RATE, remaining_db[start:end], 1)[0]
    return -60 / slope


@pytest.mark.parametrize("rt60_s", [0.15, 0.3, 0.6])
def test_a_room_decays_as_recorded_and_is_as_wet(rt60_s: float) -> None:
    response = room_response(Surroundings(rt60_s, -8.0, 20.0, "pink"), generator("room test", rt60_s))
    assert decay_s(response) == pytest.approx(rt60_s, rel=0.15)
    assert response[0] == 1.0
    assert 10 * np.log10(np.sum(response[1:] ** 2)) == pytest.approx(-8.0, abs=0.01)


def test_the_room_can_be_heard_in_the_audio(make_take: MakeTake) -> None:
    """After a click, what comes back falls as the room does."""
    clicked = np.zeros(SAMPLE_RATE, np.int16)
    clicked[0] = 20_000
    place = Surroundings(0.4, -3.0, 90.0, "white")
    heard = surrounded(clicked, place, make_take().line, 7)
    assert decay_s(heard.astype(float)) == pytest.approx(0.4, rel=0.15)


@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize("snr_db", [10.0, 30.0])
def test_noise_lies_as_far_below_the_speech_as_recorded(make_take: MakeTake, noise: str, snr_db: float) -> None:
    """Blocks of speech in the clean take are compared with its silence, on both ends long enough for a rumble."""
    take = make_take()
    silence = np.zeros(2 * SAMPLE_RATE, np.int16)
    clean = np.concatenate([silence, take.samples, silence])
    heard = surrounded(clean, Surroundings(0.15, -15.0, snr_db, noise), take.line, 7)
    clean_powers, powers = (np.mean((one.reshape(-1, BLOCK) / 32768.0) ** 2, axis=1) for one in (clean, heard))
    spoken = powers[clean_powers > clean_powers.max() * 10 ** (-ACTIVE_DB / 10)].mean()
    quiet = powers[: len(silence) // BLOCK].mean()
    assert 10 * np.log10((spoken - quiet) / quiet) == pytest.approx(snr_db, abs=1.0)


@pytest.mark.parametrize(("noise", "octave_db"), [("white", 3.0), ("pink", 0.0), ("brown", -3.0)])
def test_noises_have_their_colours(noise: str, octave_db: float) -> None:
    """Energy from octave to octave: white rises by 3 dB, pink stays, brown falls by 3 dB."""
    power = np.abs(np.fft.rfft(steady_noise(noise, 8 * SAMPLE_RATE, generator("colour", noise)))) ** 2
    octaves = [10 * np.log10(power[8 * low : 16 * low].sum()) for low in (100, 200, 400, 800, 1600, 3200)]
    assert np.mean(np.diff(octaves)) == pytest.approx(octave_db, abs=0.2)


def test_a_hum_has_the_harmonics_of_the_mains() -> None:
    power = np.abs(np.fft.rfft(steady_noise("hum", 8 * SAMPLE_RATE, generator("hum", 0)))) ** 2
    shares = [sum(power[8 * k * mains_hz] for k in range(1, 13)) / power.sum() for mains_hz in (50, 60)]
    assert max(shares) > 0.9


def test_length_and_level_stay_and_nothing_clips(make_take: MakeTake) -> None:
    for index in range(12):
        take = make_take(f"d{index}")
        (heard,) = AddSurroundings(1.0, 7).process([take])
        assert heard.samples.dtype == np.int16
        assert heard.samples.shape == take.samples.shape
        assert not np.array_equal(heard.samples, take.samples)
        assert level(heard.samples) == pytest.approx(level(take.samples), rel=0.01)
    loud = replace(take, samples=np.resize(np.int16([32767, -32768]), SAMPLE_RATE))
    (heard,) = AddSurroundings(1.0, 7).process([loud])
    assert np.abs(heard.samples.astype(int)).max() <= 0.99 * 32767


def test_what_was_added_is_recorded_and_nothing_else_changes(make_take: MakeTake) -> None:
    take = make_take()
    (heard,) = AddSurroundings(1.0, 7, rt60_s=(0.2, 0.3), snr_db=(15.0, 20.0)).process([take])
    assert replace(heard, samples=take.samples, surroundings=None) == take
    assert heard.surroundings is not None
    assert 0.2 <= heard.surroundings.rt60_s <= 0.3
    assert WET_DB[0] <= heard.surroundings.wet_db <= WET_DB[1]
    assert 15.0 <= heard.surroundings.snr_db <= 20.0
    assert heard.surroundings.noise in NOISES


def test_assistants_pass_untouched(make_take: MakeTake) -> None:
    takes = [make_take(role="assistant"), make_take("d1", role="assistant")]
    given = AddSurroundings(1.0, 7).process(takes)
    assert all(one is other for one, other in zip(given, takes, strict=True))


def test_a_user_has_one_room_throughout_a_dialogue_and_another_elsewhere(make_take: MakeTake) -> None:
    turns = [make_take(), make_take(turn_index=2), make_take(turn_index=2, attempt=1), make_take("d1")]
    places = [take.surroundings for take in AddSurroundings(1.0, 7).process(turns)]
    assert places[0] == places[1] == places[2] != places[3]


def test_the_same_take_sounds_the_same_alone_and_in_a_batch(make_take: MakeTake) -> None:
    takes = [make_take(), make_take(turn_index=2), make_take("d1")]
    together = AddSurroundings(1.0, 7).process(takes)
    (alone,) = AddSurroundings(1.0, 7).process(takes[1:2])
    assert np.array_equal(alone.samples, together[1].samples)
    assert not np.array_equal(together[0].samples, together[1].samples)  # the noise goes on


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_the_share_of_users_is_respected(make_take: MakeTake, share: float) -> None:
    lines = [make_take(f"d{index}").line for index in range(1000)]
    placed = [AddSurroundings(share, 7).place(line) for line in lines]
    assert np.mean([place is not None for place in placed]) == pytest.approx(share, abs=0.05)
    assert {place.noise for place in placed if place} == (set(NOISES) if share else set())


def test_a_clean_user_passes_untouched(make_take: MakeTake) -> None:
    take = make_take()
    assert AddSurroundings(0.0, 7).process([take])[0] is take
