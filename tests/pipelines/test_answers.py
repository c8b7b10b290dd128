import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pipelines import files
from pipelines.answers import FileAnswers, spent
from pipelines.verify_work import verify_work
from schemas.errors import CostLimitError, DamagedError, FolderError

DIGEST = "ab" * 32


def test_an_answer_is_found_by_the_next_process(tmp_path: Path) -> None:
    answers = FileAnswers(str(tmp_path), None)
    assert answers.find(DIGEST) is None
    answers.reserve(0.5)
    answers.keep(DIGEST, {"content": "说\u2028"}, 0.25, 0.5)
    assert FileAnswers(str(tmp_path), None).find(DIGEST) == {"content": "说\u2028"}
    path = tmp_path / "answers" / "ab" / f"{DIGEST}.json"
    assert files.read_sealed(str(path)) == {"answer": {"content": "说\u2028"}, "usd": 0.25}
    (spending,) = tmp_path.glob("spending-*.json")
    assert files.read_sealed(str(spending)) == {"requests": 1, "usd": 0.25, "in_flight_usd": 0.0}


@pytest.mark.parametrize("damaged", [b"", b"\xff\xfe", b'{"answer": {"con', b"[]", b'{"usd": 1}', b'{"answer": "x"}'])
def test_a_damaged_answer_is_named_and_asked_for_again(
    damaged: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answers = FileAnswers(str(tmp_path), None)
    answers.reserve(0.0)
    answers.keep(DIGEST, {"content": "a"}, 0.0, 0.0)
    (path,) = tmp_path.rglob(f"{DIGEST}.json")
    path.write_bytes(damaged or path.read_bytes().replace(b'"a"', b'"c"'))
    (fault,) = verify_work(str(tmp_path), lambda _: None)
    assert fault.startswith(str(path))
    assert fault.endswith("delete it: if its dialogue is written again, it is asked, and paid for, anew")
    assert answers.find(DIGEST) is None
    assert f"damaged: {path}: " in capsys.readouterr().err
    answers.reserve(0.0)
    answers.keep(DIGEST, {"content": "b"}, 0.0, 0.0)
    assert answers.find(DIGEST) == {"content": "b"}


def test_spending_adds_up_over_processes(tmp_path: Path) -> None:
    assert spent(str(tmp_path)) == 0.0
    for usd in (0.25, 0.5):
        answers = FileAnswers(str(tmp_path), None)
        for digest in ("11", "22"):
            answers.reserve(1.0)
            answers.keep(digest * 32, {}, usd, 1.0)
    assert spent(str(tmp_path)) == 1.5
    with pytest.raises(CostLimitError) as caught:
        FileAnswers(str(tmp_path), 2.0).reserve(0.75)
    assert str(caught.value) == (
        "run.max_cost_usd: the limit is 2 USD, 1.5000 are spent, and the next request could cost 0.7500. "
        "Raise run.max_cost_usd and build again: what is paid for is kept."
    )


def test_damaged_spending_is_named_and_counted_again_from_the_answers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answers = FileAnswers(str(tmp_path), None)
    for digest in ("11", "22"):
        answers.reserve(0.25)
        answers.keep(digest * 32, {}, 0.25, 0.25)
    (path,) = tmp_path.glob("spending-*.json")
    path.write_text('{"usd": "much')
    with pytest.raises(DamagedError, match=path.name):
        spent(str(tmp_path))
    with pytest.raises(CostLimitError, match=r"0\.5000 are spent"):
        FileAnswers(str(tmp_path), 0.7).reserve(0.25)
    assert path.name in capsys.readouterr().err
    assert spent(str(tmp_path)) == 0.5


def test_lost_spending_is_counted_again_from_the_answers(tmp_path: Path) -> None:
    answers = FileAnswers(str(tmp_path), None)
    for digest in ("11", "22"):
        answers.reserve(0.25)
        answers.keep(digest * 32, {}, 0.25, 0.25)
    for path in tmp_path.glob("spending-*.json"):
        path.unlink()
    with pytest.raises(CostLimitError, match=r"0\.5000 are spent"):
        FileAnswers(str(tmp_path), 0.7).reserve(0.25)
    assert spent(str(tmp_path)) == 0.5


def test_a_kill_while_it_is_counted_again_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for usd in (0.25, 0.5):
        answers = FileAnswers(str(tmp_path), None)
        answers.reserve(1.0)
        answers.keep(DIGEST, {}, usd, 1.0)  # the second replaces the first, whose cost only its own file knows
    last = next(path for path in tmp_path.glob("spending-*.json") if files.read_sealed(str(path))["usd"] == 0.5)
    last.write_text("")
    with monkeypatch.context() as killed:
        killed.setattr(files, "delete", lambda paths: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            FileAnswers(str(tmp_path), None)
    FileAnswers(str(tmp_path), None)
    assert spent(str(tmp_path)) >= 0.5


def test_requests_in_flight_at_a_kill_count_in_full(tmp_path: Path) -> None:
    killed = FileAnswers(str(tmp_path), 1.0)
    killed.reserve(0.25)
    killed.reserve(0.5)
    killed.keep(DIGEST, {}, 0.125, 0.5)
    assert spent(str(tmp_path)) == 0.375
    with pytest.raises(CostLimitError, match=r"0\.3750 are spent"):
        FileAnswers(str(tmp_path), 1.0).reserve(0.75)


def test_spending_is_on_disk_before_the_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []
    write = files.write_sealed
    monkeypatch.setattr(files, "write_sealed", lambda path, value: (written.append(path), write(path, value))[1])
    answers = FileAnswers(str(tmp_path), None)
    answers.reserve(0.5)
    answers.keep(DIGEST, {}, 0.25, 0.5)
    assert [Path(path).name.partition("-")[0] for path in written] == ["spending", "spending", f"{DIGEST}.json"]


def test_nothing_is_asked_that_cannot_be_noted(tmp_path: Path) -> None:
    above = tmp_path / "above"
    above.mkdir()
    answers = FileAnswers(str(above / "work"), 1.0)
    above.rmdir()
    above.write_text("a file, where the folder was")
    with pytest.raises(FolderError, match="part of the path is a file"):
        answers.reserve(0.75)
    above.unlink()
    answers.reserve(0.75)  # what was refused is not held


def test_an_answer_that_cannot_be_looked_for_is_not_asked_again(tmp_path: Path) -> None:
    answers = FileAnswers(str(tmp_path), None)
    answers.reserve(0.0)
    answers.keep(DIGEST, {"content": "a"}, 0.0, 0.0)
    path = tmp_path / "answers" / "ab" / f"{DIGEST}.json"
    path.unlink()
    path.mkdir()
    with pytest.raises(FolderError, match="there is a folder where a file of ours belongs"):
        answers.find(DIGEST)


def test_a_disowned_answer_is_found_unless_failures_are_retried(tmp_path: Path) -> None:
    answers = FileAnswers(str(tmp_path), None)
    answers.reserve(1.0)
    answers.keep(DIGEST, {"content": "a"}, 0.25, 1.0)
    for _ in range(2):
        answers.disown(DIGEST)
    answers.disown("cd" * 32)  # there is none
    path = str(tmp_path / "answers" / "ab" / f"{DIGEST}.json")
    assert files.read_sealed(path) == {"answer": {"content": "a"}, "usd": 0.25, "unfit": True}
    assert FileAnswers(str(tmp_path), None).find(DIGEST) == {"content": "a"}
    retrying = FileAnswers(str(tmp_path), None, retry_unfit=True)
    assert retrying.find(DIGEST) is None
    retrying.reserve(1.0)
    retrying.keep(DIGEST, {"content": "b"}, 0.5, 1.0)
    retrying.disown(DIGEST)
    assert retrying.find(DIGEST) == {"content": "b"}  # once a run is enough
    assert files.read_sealed(path) == {"answer": {"content": "b"}, "usd": 0.75, "unfit": True}
    assert spent(str(tmp_path)) == 0.75


def test_who_has_no_room_waits_for_who_might_leave_some(tmp_path: Path) -> None:
    answers = FileAnswers(str(tmp_path), 1.0)
    answers.reserve(0.75)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(answers.reserve, 0.5)
        time.sleep(0.1)
        assert not waiting.done()
        answers.release(0.75)
        assert waiting.result(timeout=2) is None


def test_who_waits_in_vain_is_told(tmp_path: Path) -> None:
    answers = FileAnswers(str(tmp_path), 1.0)
    answers.reserve(0.75)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(answers.reserve, 0.5)
        answers.keep(DIGEST, {}, 0.75, 0.75)
        with pytest.raises(CostLimitError):
            waiting.result(timeout=2)


def test_nothing_may_be_spent_but_what_is_free(tmp_path: Path) -> None:
    answers = FileAnswers(str(tmp_path), 0.0)
    answers.reserve(0.0)
    answers.release(0.0)
    with pytest.raises(CostLimitError):
        answers.reserve(1e-9)


def test_threads_never_pass_the_limit(tmp_path: Path) -> None:
    answers = FileAnswers(str(tmp_path), 1.0)
    paid: list[float] = []
    lock = threading.Lock()

    def pay(number: int) -> None:
        answers.reserve(0.1)
        usd = 0.1 if number % 3 else 0.03
        with lock:
            paid.append(usd)
        answers.keep(f"{number:064d}", {}, usd, 0.1)

    with ThreadPoolExecutor(8) as pool:
        outcomes = [future.exception() for future in [pool.submit(pay, number) for number in range(60)]]
    assert 0.9 < sum(paid) <= 1.0 + 1e-9
    assert {type(outcome) for outcome in outcomes} == {type(None), CostLimitError}
    assert spent(str(tmp_path)) == pytest.approx(sum(paid))


def test_a_disk_that_refuses_is_the_users_to_mend(tmp_path: Path) -> None:
    answers = FileAnswers(str(tmp_path), None)
    (tmp_path / "answers").write_text("a file, where a folder should be")
    answers.reserve(0.5)
    with pytest.raises(FolderError):
        answers.keep(DIGEST, {}, 0.5, 0.5)
