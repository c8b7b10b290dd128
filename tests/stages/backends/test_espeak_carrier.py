from concurrent.futures import ThreadPoolExecutor

import numpy as np

from stages.backends.espeak_carrier import CarrierPhone, CarrierRequest, EspeakProcess


def english(text: str) -> CarrierRequest:
    return CarrierRequest(text, "en-us+klatt4", 165)


def labels(phones: tuple[CarrierPhone, ...]) -> list[str]:
    return [phone.label for phone in phones]


def test_phones_are_mnemonics_without_stress_marks(espeak: EspeakProcess) -> None:
    carrier = espeak.speak(english("Hello, my teacher."))
    expected = ["h", "@", "l", "oU", "sil", "m", "aI", "t", "i:", "tS", "3", "sil"]
    assert labels(carrier.phones) == expected
    stressed = [phone.label for phone in carrier.phones if phone.stress == 2]
    assert stressed == ["oU", "i:"]
    assert not carrier.switched


def test_phones_follow_each_other_without_gaps_to_the_end(espeak: EspeakProcess) -> None:
    carrier = espeak.speak(english("The weather was lovely, and we walked for hours."))
    borders = zip(carrier.phones, carrier.phones[1:], strict=False)
    assert all(phone.end_s == after.start_s and phone.end_s > phone.start_s for phone, after in borders)
    assert carrier.phones[-1].end_s == len(carrier.samples) / carrier.rate_hz


def test_a_dark_l_gets_the_end_of_its_vowel(espeak: EspeakProcess) -> None:
    carrier = espeak.speak(english("tell"))
    assert labels(carrier.phones) == ["t", "E", "l", "sil"]
    vowel, coda = carrier.phones[1:3]
    assert 0.02 < coda.end_s - coda.start_s <= 0.0801 < vowel.end_s - vowel.start_s


def test_a_language_switch_is_noticed(espeak: EspeakProcess) -> None:
    spelled = espeak.speak(CarrierRequest("mao1 xiong2", "cmn+klatt4", 160))
    assert spelled.switched
    assert labels(spelled.phones)[2:] == ["k", "S", "@", "N", "t", "u:", "sil"]


def test_a_dozen_threads_hear_what_one_hears(espeak: EspeakProcess) -> None:
    requests = [english(f"Number {word} is here.") for word in ("one", "two", "three", "four", "five", "six")] * 6
    alone = [espeak.speak(request).samples for request in requests]
    with ThreadPoolExecutor(12) as pool:
        together = list(pool.map(lambda request: espeak.speak(request).samples, requests))
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one, other)
