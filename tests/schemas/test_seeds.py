"""Seeds depend on their parts alone, and on all of them."""

from schemas.seeds import derive_seed, generator


def test_known_values_never_change() -> None:
    assert derive_seed(1, "a", 0) == derive_seed("1", "a", "0") == 5989501408426133609
    assert generator("golden").integers(0, 1000, 4).tolist() == [813, 473, 591, 444]


def test_every_part_counts_and_parts_do_not_run_together() -> None:
    assert len({derive_seed(1, "ab"), derive_seed(1, "a", "b"), derive_seed(2, "ab"), derive_seed(1, "ab", 0)}) == 4
