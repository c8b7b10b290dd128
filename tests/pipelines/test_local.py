"""Dealing chunks to workers."""

from pipelines.local import deal


def test_hands_cost_about_the_same_and_every_job_is_dealt_once() -> None:
    costs = {0: 9, 1: 1, 2: 8, 3: 2, 4: 7, 5: 3}
    hands = deal(costs, 2)
    assert sorted(job for hand in hands for job in hand) == list(costs)
    assert [sum(costs[job] for job in hand) for hand in hands] == [15, 15]


def test_more_workers_than_jobs_leaves_hands_empty() -> None:
    assert deal({4: 1}, 3) == [[4], [], []]
