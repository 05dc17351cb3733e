"""``freak ui`` on a login node: it steers runs of other machines, and brings the list of another one here."""

import json
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.allowed_skips import SSHD, can_make_machines
from tests.nodes import ROOT
from tests.reach.cluster import Cluster
from tests.waiting import eventually

pytestmark = pytest.mark.processes

if not can_make_machines():
    pytest.skip("needs the right to make network namespaces", allow_module_level=True)
if not Path(SSHD).exists():
    pytest.skip("needs openssh-server", allow_module_level=True)

LINK = re.compile(r"^(http://127\.0\.0\.1:\d+)/#token=(\S+)$", re.MULTILINE)


class Page:
    """``freak ui`` on the login node, and what a browser there gets from it."""

    def __init__(self, site: Cluster, process: "subprocess.Popen[bytes]", out: Path) -> None:
        self._site = site
        self.process = process
        self.errors = out.with_suffix(".err")
        found = eventually(lambda: LINK.search(out.read_text()) or process.poll() is not None, within=60)
        assert found is not True, self.errors.read_text()
        self.url, self.token = found.groups()

    def ask(self, route: str, *options: str) -> str:
        """Return what ``curl`` gets on the login node."""
        allowed = ["-H", f"Authorization: Bearer {self.token}"]
        command = ["curl", "-s", "--max-time", "20", *allowed, *options, f"{self.url}/{route}"]
        return self._site.on_login(command).stdout

    def runs(self) -> list[dict[str, Any]]:
        return json.loads(self.ask("runs"))["runs"]


@contextmanager
def page(site: Cluster, *options: str, **environment: str) -> Iterator[Page]:
    out = site.folder / "ui.out"
    command = site.login.inside(site.freak_command("ui", "--no-open", "--port", "0", *options))
    with out.open("wb") as file, out.with_suffix(".err").open("wb") as errors:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**site.environment, **environment},
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=errors,
        )
    try:
        yield Page(site, process, out)
    finally:
        process.kill()
        process.wait(20)


def ends(shown: Page) -> str:
    """End it with SIGTERM, in time; return what it has said."""
    shown.process.send_signal(signal.SIGTERM)
    assert shown.process.wait(20) == 0
    return shown.errors.read_text()


def test_a_run_on_the_compute_node_is_listed_and_steered(site: Cluster) -> None:
    with page(site) as shown:
        row = eventually(lambda: next((r for r in shown.runs() if r["step"]), None))
        assert (row["name"], row["host"], row["unreachable"]) == ("digits", site.compute.name, None)
        at = f"runs/{row['id']}"
        json_body = ("-H", "Content-Type: application/json", "-d", '{"lr": 0.75}')
        assert '"applied"' in shown.ask(f"{at}/state", "-X", "PATCH", *json_body)
        assert shown.ask(f"{at}/state/lr") == "0.75"
        said = ends(shown)
    assert said.count("connecting to") == 1
    assert f"connecting to {site.compute.name} with ssh" in said


def test_a_machine_that_cannot_be_reached_leaves_its_runs_listed_and_says_why(site: Cluster) -> None:
    site.configure(key="other_key")
    with page(site) as shown:
        row = eventually(lambda: next((r for r in shown.runs() if r["unreachable"]), None))
        assert row["alive"]
        assert "ssh does not reach the run" in row["unreachable"]
        answer = shown.ask(f"runs/{row['id']}/run", "-w", "%{http_code}")
        assert answer.endswith("503")
        assert "ssh does not reach the run" in answer
        ends(shown)


def test_it_connects_nowhere_if_that_is_forbidden(site: Cluster) -> None:
    before = site.accepted()
    with page(site, "--no-ssh") as shown:
        (row,) = eventually(lambda: [r for r in shown.runs() if r["unreachable"]])
        assert "forbids" in row["unreachable"]
        ends(shown)
    assert site.accepted() == before


def freak_there(site: Cluster) -> str:
    """Write what a person has on the compute node under the name of freak."""
    script = site.folder / "freak-there"
    inside = " ".join(f"{name}='{site.environment[name]}'" for name in ("FREAK_HOME", "PATH"))
    script.write_text(f'#!/bin/sh\ncd {ROOT}\n{inside} exec {" ".join(site.freak_command())} "$@"\n')
    script.chmod(0o755)
    return str(script)


def test_the_list_of_another_machine_comes_here_and_ends_with_us(site: Cluster) -> None:
    there = ("--via", site.compute.name, "--freak-there", freak_there(site))
    with page(site, *there) as shown:
        (row,) = eventually(lambda: [r for r in shown.runs() if r["step"]])
        assert row["name"] == "digits"
        assert "<html" in shown.ask(f"{row['url']}")
        assert '"step"' in shown.ask(f"{row['url']}run")
        started = list((site.home / "ui").glob("*.json"))
        assert started, "freak ui of the compute node has no file"
        said = ends(shown)
    assert f"connecting to {site.compute.name} with ssh, to start freak ui there" in said
    eventually(lambda: not list((site.home / "ui").glob("*.json")), what="the end of freak ui there")


def test_nothing_there_outlives_a_page_that_is_killed(site: Cluster) -> None:
    with page(site, "--via", site.compute.name, "--freak-there", freak_there(site)) as shown:
        assert shown.runs()
        shown.process.kill()
        shown.process.wait(20)
    eventually(lambda: not list((site.home / "ui").glob("*.json")), what="the end of freak ui there")
    for scrap in (site.folder / "tmp").iterdir():  # the sockets of what was killed
        for each in scrap.iterdir():
            each.unlink()
        scrap.rmdir()


@pytest.mark.parametrize(
    ("options", "code", "told"),
    [
        (["--via", "-oProxyCommand=touch /tmp/freak-was-here"], 2, "is not the name of a host"),
        (["--via", "{compute}", "--freak-there", "no-such-freak"], 3, "no-such-freak"),
        (["--via", "{compute}", "--no-ssh"], 3, "forbids to connect"),
    ],
)
def test_it_says_why_the_list_does_not_come(site: Cluster, options: list[str], code: int, told: str) -> None:
    filled = [each.replace("{compute}", site.compute.name) for each in options]
    assert told in site.freak("ui", "--no-open", "--port", "0", *filled, code=code).stderr


def test_an_unknown_host_key_is_never_accepted(site: Cluster) -> None:
    site.know_host("other_key")
    refused = site.freak("ui", "--no-open", "--port", "0", "--via", site.compute.name, code=3)
    assert "Freak accepts no host key for you" in refused.stderr
