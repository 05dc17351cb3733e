"""For all tests: Ctrl-C works in the programs they start, no example is too slow, skips are on a list."""

import inspect
import os
import re
import signal
from collections.abc import Generator

import pytest
from hypothesis import settings

from tests.allowed_skips import allowed, environments

# A shell that starts a command in the background has it ignore SIGINT, and its children inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Some tests list runs of machines that do not exist; those of tests/reach allow it again.
os.environ["FREAK_NO_SSH"] = "1"

# More threads of torch than cores wait for each other, and take the time of other tests while they do.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# A busy machine makes any example slow.
settings.register_profile("no_deadline", deadline=None)
settings.load_profile("no_deadline")


STARTING = {"served", "shared_freak", "program", "start", "many", "twin", "shell"}
"""Fixtures that start a process or a server."""

STARTS = re.compile(
    r"\b(subprocess|Popen|fork|pty|serve|sockets?|Canned|Proxy|HttpServer)\b|\bFreak\(|\bcontrol\("
)
"""What a test's source says where it does so itself."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of tests/core that start a process or a server: ``make check`` leaves them out.

    Put tests/core last.
    """
    for item in items:
        function = getattr(item, "function", None)
        fixtures = set(getattr(item, "fixturenames", ()))
        if fixtures & STARTING or (function is not None and STARTS.search(inspect.getsource(function))):
            item.add_marker("processes")
    items.sort(key=lambda item: "tests/core" in item.nodeid)  # the short ones last: they fill every gap


@pytest.fixture(scope="session", autouse=True)
def hangups() -> None:
    """Let the programs of the tests end with SIGHUP, which nohup has us ignore; we go on ignoring it."""
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, lambda *_: None)  # unlike SIG_IGN, no program inherits a handler


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail a test that is skipped and not on the list of ``skips.txt`` for this environment."""
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and not allowed(item.nodeid):
        report.outcome = "failed"
        report.longrepr = f"skipped, and not in tests/skips.txt for {environments()}: {report.longrepr}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Fail a module that is skipped as a whole."""
    report = yield
    if report.skipped and not allowed(collector.nodeid):
        report.outcome = "failed"
        report.longrepr = f"skipped, and not in tests/skips.txt for {environments()}: {report.longrepr}"
    return report
