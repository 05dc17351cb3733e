"""Which run a page goes on to when its run has ended."""

from typing import Any

from freak_core.ui.next_fit import next_fit


def row(run_id: str, minute: int, program: str | None = None, **facts: Any) -> dict[str, Any]:
    started = f"2026-01-01T00:{minute:02d}:00Z"
    told = {"id": run_id, "name": run_id, "started_at": started, "program": program, "phase": "finished"}
    return {**told, "launcher": {}, "url": f"runs/{run_id}/", **facts}


def test_the_next_run_is_the_first_one_that_the_same_process_has_started_later() -> None:
    rows = [row("c", 3, "p"), row("other", 2, "q"), row("b", 2, "p"), row("a", 1, "p")]
    assert next_fit(rows, "a") == {"id": "b", "name": "b", "url": "runs/b/"}
    assert next_fit(rows, "c") is None
    assert next_fit(rows, "other") is None
    assert next_fit(rows, "unknown") is None


def test_a_job_that_was_started_again_is_the_same_program() -> None:
    job = {"torchrun": "job", "slurm_job": "17"}
    first = row("a", 1, "p", name="fit", launcher=job)
    again = row("b", 2, "q", name="fit", launcher=job)
    beside = row("c", 2, "r", name="other", launcher=job)
    assert next_fit([first, again, beside], "a") == {"id": "b", "name": "fit", "url": "runs/b/"}
    assert next_fit([first, beside], "a") is None


def test_runs_of_no_known_process_and_no_job_have_nothing_to_do_with_each_other() -> None:
    rows = [row("a", 1, name="run"), row("b", 2, name="run"), row("broken", 3, phase="broken", name="run")]
    assert next_fit(rows, "a") is None
