"""What every test keeps to: it waits with a deadline, uses public names, and is skipped only as listed."""

import ast
import itertools
import subprocess
import sys
import tokenize
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from token import NAME

from tests.allowed_skips import listed
from tests.pairs import diagonal, pairs_of, pairwise

ROOT = Path(__file__).parents[1]
PACKAGES = ("freak_core", "freak_lightning")
REACHING_IN = ("benchmarks", "browser")
"""Folders that still use private names: of parts that they switch off, and of the queue of events."""

NEWER = {"test_type_aliases.py", "test_types_seen_through.py"}
"""Files that Python 3.11 cannot read."""

WAITS = {"wait", "join", "communicate", "result", "acquire"}
"""Methods that wait for ever unless they are given a number of seconds."""

WITH_A_DEFAULT = {"program", "training"}
"""Variables of classes of these tests whose ``wait`` has a deadline by itself."""

PROTOCOLS = {"_repr_html_", "_last_val_time"}
"""Names that notebooks, and Lightning, give us."""

RUNS = {"run", "check_output", "check_call"}

MOST_ANY = 250
"""How often both packages may name ``Any``, imports included; a value that is passed on is an ``object``."""


def parsed(*folders: str) -> Iterator[tuple[Path, ast.Module]]:
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            if path.name not in NEWER:
                yield path.relative_to(ROOT), ast.parse(path.read_text())


def waits_for_ever(node: ast.AST) -> bool:
    """Whether a call waits without a deadline, or a loop asks again and again without a look at the clock."""
    if isinstance(node, ast.While):
        inside = ast.unparse(node)
        polls = "sleep(" in inside or all(isinstance(each, ast.Pass) for each in node.body)
        return polls and "monotonic" not in inside
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return False
    owner = ast.unparse(node.func.value)
    if owner == "subprocess" and node.func.attr in RUNS:
        return all(keyword.arg != "timeout" for keyword in node.keywords)
    bare = not node.args and not node.keywords
    return bare and node.func.attr in WAITS and owner not in WITH_A_DEFAULT


def test_every_wait_has_a_deadline() -> None:
    endless = [
        f"{path}:{node.lineno}: {ast.unparse(node)[:60]}"
        for path, tree in parsed("tests")
        for node in ast.walk(tree)
        if isinstance(node, ast.While | ast.Call) and waits_for_ever(node)
    ]
    assert endless == []


def private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


def names(tree: ast.Module) -> Iterator[str]:
    """Yield the private names that a module defines, at any depth."""
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()):
                yield name


def reached(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield the private names that a module imports, reads of an object, or patches."""
    for node in ast.walk(tree):
        match node:
            case ast.ImportFrom(names=imported):
                yield from ((node.lineno, part) for each in imported for part in each.name.split("."))
            case ast.Attribute(value=ast.Name(id="self" | "cls")):
                pass
            case ast.Attribute(attr=name):
                yield node.lineno, name
            case ast.Call(func=ast.Attribute(attr="setattr" | "delattr"), args=[*arguments]):
                texts = [each.value for each in arguments[:2] if isinstance(each, ast.Constant)]
                yield from ((node.lineno, str(text).rpartition(".")[2]) for text in texts)


def test_no_test_uses_a_private_name_of_ours() -> None:
    ours = {name for _, tree in parsed(*PACKAGES) for name in names(tree) if private(name)}
    assert len(ours) > 100
    ours -= PROTOCOLS
    used = []
    for path, tree in parsed("tests"):
        if path.parts[1] not in REACHING_IN:
            foreign = set(names(tree))
            used += [f"{path}:{at}: {name}" for at, name in reached(tree) if name in ours - foreign]
    assert used == []


def test_any_stays_rare_in_both_packages() -> None:
    named: Counter[Path] = Counter()
    for folder in PACKAGES:
        for path in (ROOT / folder).rglob("*.py"):
            with tokenize.open(path) as file:
                tokens = list(tokenize.generate_tokens(file.readline))
            named[path.relative_to(ROOT)] = [each.string for each in tokens if each.type == NAME].count("Any")
    assert 50 < named.total() <= MOST_ANY, named.most_common(10)


def test_each_skip_on_the_list_is_of_a_test_and_has_a_reason() -> None:
    for environment, test, reason in listed():
        path, of_one, name = test.partition("::")  # without a name: all tests of the file
        assert (f"def {name}(" if of_one else "def test_") in (ROOT / path).read_text(), test
        assert environment
        assert reason


def test_a_skip_that_is_not_on_the_list_fails(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text("import pytest\ndef test_it():\n    pytest.skip('why not')\n")
    (tmp_path / "test_module.py").write_text("import pytest\npytest.skip('all', allow_module_level=True)\n")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.conftest", str(tmp_path)]
    command.append("--continue-on-collection-errors")
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode != 0, done.stdout
    assert done.stdout.count("not in tests/skips.txt") >= 2, done.stdout


def test_any_two_values_meet_in_few_rows() -> None:
    factors = ("abcdefghij", (1, 2), (3, 4), (5, 6))
    rows = pairwise(*factors)
    assert rows == pairwise(*factors)
    assert set().union(*map(pairs_of, rows)) == set().union(*map(pairs_of, itertools.product(*factors)))
    assert len(rows) <= 22
    assert {value for row in diagonal("abc", "xy") for value in row} == set("abcxy")
