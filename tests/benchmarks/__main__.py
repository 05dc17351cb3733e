"""Run the benchmarks: python -m tests.benchmarks [--quick] [NAME...]."""

import argparse
import time

from tests.benchmarks import machine, report
from tests.benchmarks.big_state import BigState
from tests.benchmarks.compare_page import ComparePage
from tests.benchmarks.growth import Growth
from tests.benchmarks.idle_cost import IdleCost
from tests.benchmarks.imports import Imports
from tests.benchmarks.latency import Latency
from tests.benchmarks.listing import Listing
from tests.benchmarks.memory import Memory
from tests.benchmarks.owner_stop import OwnerStop
from tests.benchmarks.pace import Pace
from tests.benchmarks.run_list import RunList
from tests.benchmarks.server_load import ServerLoad
from tests.benchmarks.step_hooks import StepHooks

BENCHMARKS = {
    "server_load": ServerLoad,
    "idle_cost": IdleCost,
    "step_hooks": StepHooks,
    "latency": Latency,
    "pace": Pace,
    "growth": Growth,
    "imports": Imports,
    "listing": Listing,
    "run_list": RunList,
    "compare_page": ComparePage,
    "memory": Memory,
    "big_state": BigState,
    "owner_stop": OwnerStop,
}


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks", description="What remote control costs."
    )
    parser.add_argument("--quick", action="store_true", help="fewer, shorter blocks: a first look")
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHMARKS)}; all without one"
    )
    options = parser.parse_args()
    unknown = set(options.names) - set(BENCHMARKS)
    if unknown:
        parser.error(
            f"there is no benchmark {', '.join(sorted(unknown))}; there are: {', '.join(BENCHMARKS)}"
        )
    started = time.monotonic()
    report.note(machine.facts())
    for name in options.names or BENCHMARKS:
        BENCHMARKS[name](options.quick).run()
    report.note(f"{machine.facts()}; measured in {time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main()
