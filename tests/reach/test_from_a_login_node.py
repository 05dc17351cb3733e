"""Two machines with a real sshd: every command reaches the run on the other one, or says why not."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

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

ON = ("--run", "digits")


def test_the_list_shows_how_far_a_run_on_the_compute_node_is(site: Cluster) -> None:
    listed = site.freak("ls", "--json")
    (run,) = json.loads(listed.stdout)
    assert (run["name"], run["state"], run["host"]) == ("digits", "running", site.compute.name)
    assert run["step"] > 0
    said = f"connecting to {site.compute.name} with ssh, to reach the run 'digits' (--no-ssh forbids this)\n"
    assert listed.stderr == said


def test_a_run_is_read_and_changed_over_one_connection_each(site: Cluster) -> None:
    before = site.accepted()
    assert site.freak("set", "lr=0.25", "--note", "from afar").stdout.count("applied") == 1
    assert site.accepted() == before + 1
    assert site.freak("get", "lr").stdout == "0.25\n"
    assert "loss" in site.freak("metrics").stdout
    assert "# from afar" in site.freak("log").stdout
    assert f"host:             {site.compute.name}" in site.freak("info").stdout
    assert site.freak("describe", "lr").stdout.count("0.25") == 1
    assert "lr" in site.freak("compare", "digits", "digits", "--json").stdout
    assert site.freak("export", "digits").stdout.startswith("metric,segment,step,time,value\nloss,")


def test_a_run_on_the_compute_node_is_stopped(site: Cluster) -> None:
    program = site.program("short")
    stopped = site.freak("stop", "short", "--yes")
    assert "the run has ended: stopped" in stopped.stderr
    assert program.wait(20) == 0


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_watch_that_a_signal_ends_leaves_nothing_behind(site: Cluster, ending: signal.Signals) -> None:
    with watching(site) as watch:
        watch.send_signal(ending)
        assert watch.wait(20) == 128 + ending
    assert site.left_behind() == []


def test_a_watch_goes_on_when_its_ssh_connection_breaks(site: Cluster) -> None:
    with watching(site) as watch:
        assert watch.stdout is not None
        before = site.accepted()
        for connection in Path(f"/proc/{site.sshd.pid}/task/{site.sshd.pid}/children").read_text().split():
            os.kill(int(connection), signal.SIGKILL)
        eventually(lambda: site.accepted() > before, what="another connection")
        steps = [int(watch.stdout.readline().split(b"step ")[1].split()[0]) for _ in range(200)]
        watch.send_signal(signal.SIGINT)
        assert watch.wait(20) == 130
    assert steps == list(range(steps[0], steps[0] + 200))


def test_ctrl_c_while_it_connects_leaves_nothing_behind(site: Cluster) -> None:
    site.sshd.send_signal(signal.SIGSTOP)
    try:
        command = site.login.inside(site.freak_command("get", "lr", *ON))
        with subprocess.Popen(command, cwd=ROOT, env=site.environment, stderr=subprocess.PIPE) as get:
            eventually(lambda: any(" -W " in each for each in site.ssh_processes()), what="the start of ssh")
            get.send_signal(signal.SIGINT)
            assert get.wait(20) == 130
        assert site.ssh_processes() == []
    finally:
        site.sshd.send_signal(signal.SIGCONT)


def test_no_ssh_survives_a_command_that_is_killed(site: Cluster) -> None:
    with watching(site) as watch:
        watch.kill()
        watch.wait(20)
        eventually(lambda: not site.ssh_processes(), what="the end of ssh")
    for path in (site.folder / "tmp").iterdir():  # the folder with the socket stays: nobody can remove it
        for each in path.iterdir():
            each.unlink()
        path.rmdir()


def watching(site: Cluster) -> "subprocess.Popen[bytes]":
    """Start ``freak watch`` on the login node; return it when it has printed events."""
    command = site.login.inside(site.freak_command("watch", *ON))
    watch = subprocess.Popen(command, cwd=ROOT, env=site.environment, stdout=subprocess.PIPE)
    assert watch.stdout is not None
    for _ in range(20):
        assert b"loss" in watch.stdout.readline()
    assert site.ssh_processes()
    return watch


def test_without_a_key_it_is_refused_and_says_what_to_do(site: Cluster) -> None:
    site.configure(key="other_key")
    refused = site.freak("get", "lr", *ON, code=3).stderr
    assert "Permission denied" in refused
    assert f"This must work, with a key or an agent: ssh -o BatchMode=yes {site.compute.name}" in refused
    assert "ssh -N -L " in refused  # the tunnel
    listed = site.freak("ls", "--json")
    assert [run["state"] for run in json.loads(listed.stdout)] == ["alive"]
    assert "Permission denied" in listed.stderr


@pytest.mark.parametrize("known", [None, "other_key"])
def test_an_unknown_host_key_is_never_accepted(site: Cluster, known: str | None) -> None:
    site.know_host(known)
    before = (site.ssh / "known_hosts").read_text()
    refused = site.freak("get", "lr", *ON, code=3).stderr
    assert "Host key verification failed" in refused
    assert "Log in once and compare the key" in refused
    assert (site.ssh / "known_hosts").read_text() == before


def test_it_connects_nowhere_if_that_is_forbidden(site: Cluster) -> None:
    before = site.accepted()
    assert "--no-ssh or FREAK_NO_SSH forbids" in site.freak("get", "lr", "--no-ssh", code=3).stderr
    assert "ssh -N -L " in site.freak("get", "lr", code=3, FREAK_NO_SSH="1").stderr
    listed = site.freak("ls", "--json", FREAK_NO_SSH="yes")
    assert [run["state"] for run in json.loads(listed.stdout)] == ["alive"]
    assert listed.stderr == ""
    assert site.freak("ls", "--quiet").stderr == ""  # it asks no run
    assert site.freak("tunnel", *ON).stdout.startswith("ssh -N -L ")
    assert site.accepted() == before


def test_a_machine_that_does_not_answer_is_given_up(site: Cluster) -> None:
    site.sshd.send_signal(signal.SIGSTOP)
    try:
        refused = site.freak("get", "lr", *ON, code=3).stderr
    finally:
        site.sshd.send_signal(signal.SIGCONT)
    assert "timed out" in refused or "no answer within 10 s" in refused


def test_a_server_that_hangs_is_not_taken_for_a_machine_that_does(site: Cluster) -> None:
    program = site.program("hung")
    pid = json.loads(site.freak("info", "hung", "--json").stdout)["pid"]
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    site.on_compute(["kill", "-STOP", *children])
    try:
        refused = site.freak("get", "lr", "--run", "hung", code=3).stderr
        assert f"ssh reaches {site.compute.name}, but the run there does not answer within 10 s" in refused
    finally:
        site.on_compute(["kill", "-CONT", *children])
    site.freak("stop", "hung", "--yes")
    assert program.wait(20) == 0


def test_without_ssh_it_says_so(site: Cluster) -> None:
    empty = site.folder / "empty"
    empty.mkdir()
    refused = site.on_login(["/usr/bin/env", f"PATH={empty}", *site.freak_command("get", "lr", *ON)]).stderr
    assert "ssh is not installed" in refused
    assert "connecting" not in refused


def test_a_run_that_was_killed_meanwhile_has_probably_ended(site: Cluster) -> None:
    program = site.program("killed")
    facts = json.loads(site.freak("info", "killed", "--json").stdout)
    program.kill()  # only the shell around it
    site.on_compute(["kill", "-9", str(facts["pid"])])
    program.wait(20)
    refused = site.freak("get", "lr", "--run", "killed", code=3).stderr
    assert "The ssh connection works, but no server answers there" in refused
    (site.home / "runs" / facts["id"] / "run.json").unlink()


def test_the_connections_that_the_user_shares_are_used(site: Cluster) -> None:
    """With ``ControlMaster`` and ``ControlPersist`` in the configuration, one login serves all commands."""
    shared = site.ssh / "shared"
    site.configure("ControlMaster auto", f"ControlPath {shared}", "ControlPersist 60")
    before = site.accepted()
    site.freak("get", "lr", *ON)
    site.freak("ls")
    assert site.accepted() == before + 1
    assert shared.exists()
    site.on_login(["ssh", "-O", "exit", site.compute.name])


CLIENT = """
import asyncio, sys
from freak_core import AsyncClient, Client, NotFound, Unreachable

async def awaited():
    async with await AsyncClient.find("digits") as client:
        print((await client.run())["name"], client.url)

with Client.find("digits") as client:
    print(client.set({"lr": 0.5}).status, client.get("lr"), client.url)
asyncio.run(awaited())
unclosed = Client.find("digits")
print(unclosed.get("lr"))
try:
    Client.find("digits", ssh=False)
except NotFound as refused:
    print("not here:", refused)
"""


def test_a_master_that_the_user_has_started_is_used(site: Cluster) -> None:
    """``ssh -M`` by hand, as where only a person can log in, with a second factor."""
    site.configure(f"ControlPath {site.ssh}/by-hand")
    site.on_login(["ssh", "-M", "-N", "-f", site.compute.name])
    try:
        before = site.accepted()
        site.freak("get", "lr", *ON)
        assert site.accepted() == before
    finally:
        site.on_login(["ssh", "-O", "exit", site.compute.name])
    site.freak("get", "lr", *ON)
    assert site.accepted() == before + 1


MANY = """
import threading
from freak_core import Client

with Client.find("digits") as client:
    events = [client.events("metrics") for _ in range(25)]
    print(len([next(each) for each in events]), len(client.series("loss")["loss"]) > 0)
"""


def test_many_connections_at_once_share_one_login(site: Cluster) -> None:
    before = site.accepted()
    done = site.on_login([sys.executable, "-c", MANY])
    assert done.stdout == "25 True\n", done
    assert site.accepted() == before + 1


def test_a_run_with_https_is_reached(site: Cluster) -> None:
    certificate, key = site.folder / "certificate.pem", site.folder / "key.pem"
    made = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=127.0.0.1 "
    made += f"-addext subjectAltName=IP:127.0.0.1 -keyout {key} -out {certificate}"
    subprocess.run(made.split(), check=True, timeout=20, capture_output=True)
    options = {"ssl_certfile": str(certificate), "ssl_keyfile": str(key)}
    program = site.program("secret", OPTIONS=json.dumps(options))
    assert site.freak("get", "lr", "--run", "secret").stdout == "0.1\n"
    listed = json.loads(site.freak("ls", "--json").stdout)
    assert {run["name"]: run["state"] for run in listed}["secret"] == "running"
    site.freak("stop", "secret", "--yes")
    assert program.wait(20) == 0


def test_python_clients_reach_it_too(site: Cluster) -> None:
    done = site.on_login([sys.executable, "-W", "error", "-c", CLIENT])
    lines = done.stdout.splitlines()
    url = lines[1].split()[1]
    assert lines[:3] == [f"applied 0.5 {url}", f"digits {url}", "0.5"], done
    assert url.startswith("http://127.0.0.1:")
    assert lines[3].startswith("not here: no live run called 'digits' on this machine")
    assert done.stderr.count("connecting to") == 3
    site.configure(key="other_key")
    refused = site.on_login([sys.executable, "-W", "error", "-c", CLIENT]).stderr
    assert "Unreachable: ssh does not reach the run" in refused
