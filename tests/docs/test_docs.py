"""Every code block in README.md and docs/ is run, as it stands."""

import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.main import get_command

from freak_core import AsyncClient, Client, Freak, Receipt
from freak_core.cli.app import app
from freak_core.server.api.prometheus import GAUGES, exposition
from freak_core.timestamps import now
from tests.core.steered import Steered
from tests.lightning.conftest import Training
from tests.waiting import eventually

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
TOKEN = "a-token-for-the-documentation"


def blocks(language: str) -> list[tuple[str, str]]:
    """Return (page and number, text) of every block in a language."""
    found = []
    for page in PAGES:
        texts = re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)
        found += [(f"{page.name}-{number}", text) for number, text in enumerate(texts)]
    return found


def by_name(cases: list[tuple[str, str]]) -> list[object]:
    return [pytest.param(text, id=name) for name, text in cases]


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    monkeypatch.setenv("FREAK_HOME", str(tmp_path / "home"))
    return {**os.environ, "FREAK_HOME": str(tmp_path / "home"), "FREAK_TOKEN": TOKEN, "FREAK_PORT": "0"}


def python(text: str, environment: dict[str, str], folder: Path) -> "subprocess.Popen[str]":
    command = [sys.executable, "-W", "error::DeprecationWarning:__main__", "-c", text]
    return subprocess.Popen(command, env=environment, cwd=folder, stdout=subprocess.PIPE, text=True)


def needs(text: str) -> str:
    """Say what a Python block needs around it."""
    if "Client.find" in text:
        return "training"
    return "curl" if "\ncontrol(state)" in text else "nothing"


PYTHON = blocks("python")
SHELL = blocks("sh")


@pytest.mark.parametrize("text", by_name([case for case in PYTHON if needs(case[1]) == "nothing"]))
def test_python_blocks_run(text: str, environment: dict[str, str], tmp_path: Path) -> None:
    with python(text, environment, tmp_path) as process:
        assert process.wait(60) == 0


@pytest.mark.parametrize("text", by_name([case for case in PYTHON if needs(case[1]) == "training"]))
def test_blocks_that_steer_a_training_run(text: str, environment: dict[str, str], tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    training = Training(out, tmp_path / "home")
    try:
        training.connect()
        with python(text, environment, tmp_path) as process:
            output = process.communicate(timeout=60)[0]
            assert process.returncode == 0, output
        assert re.search(r"^\d+ 1 .*\.ckpt$|#1 patch: applied, at step \d+", output, re.MULTILINE)
        assert training.end() == 0, training.log()
    finally:
        training.close()


def test_the_curl_lines_of_the_readme_steer_its_program(environment: dict[str, str], tmp_path: Path) -> None:
    program = next(text for _, text in PYTHON if needs(text) == "curl")
    curls = next(text for _, text in SHELL if "curl" in text)
    with python(program, environment, tmp_path) as process:
        with Client.find(wait=30) as client:
            address = client.link.partition("/#token=")[0].removeprefix("http://")
        script = curls.replace("localhost:4444", address)
        shell = subprocess.run(
            ["bash", "-euc", script], env=environment, capture_output=True, text=True, timeout=60, check=True
        )
        assert process.wait(30) == 0
    answers = re.findall(r"\{.*?\}(?=\{|$)", shell.stdout.replace("\n", ""))
    assert '"layers":{"hidden":128}' in answers[0]
    assert '"status":422' in shell.stdout
    assert "that will do" in shell.stdout


@pytest.fixture
def digits(environment: dict[str, str], tmp_path: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """A training of the digits, under way."""
    options = ["--epochs", "100000", "--step-seconds", "0.02", "--name", "digits", "--dir", str(tmp_path)]
    command = [sys.executable, str(ROOT / "examples" / "digits.py"), *options]
    with subprocess.Popen(command, env={**environment, "OMP_NUM_THREADS": "1"}) as training:
        try:
            with Client.find("digits", wait=60) as client:
                eventually(lambda: client.run().get("step"), within=60, what="a step")
            yield training
        finally:
            training.kill()


def test_freak_does_in_a_shell_what_the_pages_say(
    digits: "subprocess.Popen[bytes]", environment: dict[str, str], tmp_path: Path
) -> None:
    scripts = [text for _, text in SHELL if re.search("^freak ", text, re.MULTILINE)]
    scripts.sort(key=lambda text: "freak stop" in text)
    assert "freak stop" in scripts[-1]
    path = f"{Path(sys.executable).parent}:{environment['PATH']}"
    for script in scripts:
        shell = subprocess.run(
            ["bash", "-euc", script],
            env={**environment, "PATH": path},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )
        assert shell.returncode == 0, f"{script}\n{shell.stdout}\n{shell.stderr}"
        told = re.findall(r"echo \"exit code .*# (\d+)", script)
        assert re.findall(r"^exit code (\d+)$", shell.stdout, re.MULTILINE) == told
    assert digits.wait(60) == 0


def test_every_command_and_option_is_documented() -> None:
    page = (ROOT / "docs" / "cli.md").read_text()
    for name, command in get_command(app).commands.items():  # type: ignore[attr-defined]
        assert re.search(rf"`{name}\b", page), name
        for parameter in command.params:
            for option in parameter.opts if parameter.opts[0].startswith("-") else ():
                assert f"`{option}" in page or option in ("-h", "--help"), f"{name} {option}"


def test_the_curl_lines_of_the_http_page_answer(environment: dict[str, str]) -> None:
    script = next(text for name, text in SHELL if name.startswith("http.md") and "curl" in text)
    with Freak(port=0, token=TOKEN).control(Steered()) as freak:
        freak.publish(step=3)
        shell = subprocess.run(
            ["bash", "-euc", script],
            env={**environment, "RUN": freak.url},
            capture_output=True,
            text=True,
            timeout=100,
            check=True,
        )
    assert '"step":3' in shell.stdout
    assert "\nfreak_step 3.0\n" in shell.stdout
    assert f'etag: "{freak.id}-0"' in shell.stdout


def test_the_metrics_page_lists_every_metric() -> None:
    page = (ROOT / "docs" / "http.md").read_text()
    text = exposition({fact: 1 for _, fact, _ in GAUGES} | {"started_at": now()}, {"a": 1}, {"b": 1.0}, {})
    for name in re.findall(r"^# TYPE (\w+)", text, re.MULTILINE):
        assert f"`{name}`" in page, name


def test_the_remaining_shell_blocks_name_what_there_is() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    makefile = (ROOT / "Makefile").read_text()
    for name, text in SHELL:
        for line in text.splitlines():
            if line.startswith("make "):
                assert re.search(rf"^{line.split()[1]}:", makefile, re.MULTILINE), name
            if line.startswith("pip install"):
                assert '".[lightning]"' in line
                assert "lightning" in project["optional-dependencies"]


@pytest.mark.parametrize("text", by_name(blocks("json")))
def test_json_blocks_are_what_they_say(text: str) -> None:
    assert Receipt.model_validate(json.loads(text)).settled


def test_every_route_is_documented(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from fastapi import FastAPI
    from pydantic import BaseModel

    class Empty(BaseModel):
        pass

    monkeypatch.setenv("FREAK_HOME", str(tmp_path))
    app = FastAPI()
    pages = (ROOT / "docs" / "http.md").read_text() + (ROOT / "docs" / "freak_v0.md").read_text()
    with Freak(app) as freak:
        freak.control(Empty())
        routes = app.openapi()["paths"]
    assert len(routes) > 10
    for route in routes:
        stem = re.sub(r"/\{.*", "", route)
        assert stem in pages, f"{route} is not in the docs"


def test_every_public_client_method_has_a_docstring() -> None:
    public = {name for name in vars(Client) if not name.startswith("_")}
    assert public == {name for name in vars(AsyncClient) if not name.startswith("_")}
    for name in public:
        assert getattr(Client, name).__doc__
        assert getattr(AsyncClient, name).__doc__


def test_links_between_pages_lead_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\((?!http)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} → {target}"
