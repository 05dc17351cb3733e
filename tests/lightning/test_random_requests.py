"""Random requests of several clients at once: all ranks are the same after every step, and nothing hangs."""

import os
import random
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from freak_core import Client
from freak_core.runs.journal import read_journal
from tests.lightning.conftest import Training
from tests.lightning.hashed import read_steps
from tests.lightning.random_requests import Requests

Start = Callable[..., Training]
pytestmark = pytest.mark.ranks

SOAK = os.environ.get("FREAK_SOAK") == "1"
CLIENTS = 4
SETTLED = {"applied", "failed", "rejected", "cancelled"}


def check_rates(steps: list[Any], ends: Iterable[dict[str, Any]]) -> None:
    """The rate that a receipt tells must be in use in the very next step, but for a new epoch's schedule."""
    used = {step: rates for step, _, _, rates in steps if rates}
    told = {}
    for end in sorted(ends, key=lambda end: end["revision"]):
        if end["status"] == "applied" and end["kind"] != "action" and "lr" in (end["result"] or {}):
            told[end["applied"]["step"]] = end
    wrong = [
        (end["seq"], used[step + 1])
        for step, end in told.items()
        if step + 1 in used
        and end["applied"]["point"] == "step"
        and used[step + 1] != [end["result"]["lr"]["0/0"]]
    ]
    assert wrong == []
    assert len(told) > 5


@pytest.mark.parametrize(("ranks", "count", "workers"), [(2, 1000, 1), (4, 1000 if SOAK else 200, 0)])
def test_ranks_stay_the_same_over_random_requests(start: Start, ranks: int, count: int, workers: int) -> None:
    seed = int(os.environ.get("FREAK_SEED", random.randrange(10**6)))  # noqa: S311
    print(f"FREAK_SEED={seed}")
    training = start(
        *("--ranks", str(ranks), "--workers", str(workers), "--batches", "400", "--min-epochs", "100000"),
        module="tests.lightning.hashed",
    )
    client = training.connect()
    askers = [Requests(Client.find(), seed + number) for number in range(CLIENTS)]
    with ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(lambda asker: asker.send(count // CLIENTS), askers))
    for asker in askers:
        asker.client.close()
    client.set({"pause.paused": False}, wait=60)
    before = client.run()["step"]
    training.wait_until(lambda: client.run()["step"] > before + 300)  # what was scheduled is due
    client.set({"stop.should_stop": True, "stop.after": "batch", "stop.force": True}, wait=60)
    assert training.end() == 0, training.log()

    records = [read_steps(training.out / f"rank-{rank}.jsonl") for rank in range(ranks)]
    shared = [[(step, same, used) for step, _, same, used in record] for record in records]
    assert len(shared[0]) > count
    for rank in range(1, ranks):
        differing = [step for step, other in zip(shared[0], shared[rank], strict=True) if step != other]
        assert differing == []
    journal = list(read_journal(training.out / "journal.jsonl"))
    ends = {line["id"]: line for line in journal if "status" in line}
    assert {end["status"] for end in ends.values()} == SETTLED
    assert {receipt for asker in askers for receipt in asker.receipts} <= ends.keys()
    kinds = Counter((end["kind"], end["name"], end["status"]) for end in ends.values())
    print(len(shared[0]), "steps", kinds, [asker.refused for asker in askers])
    check_rates(records[0], ends.values())
    assert {end["applied"]["ranks"] for end in ends.values() if end["status"] == "applied"} == {ranks}
