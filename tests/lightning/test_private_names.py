"""Lightning's private names: only ``lightning_api`` uses them, and the installed Lightning has them all."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning import pytorch
from lightning.pytorch import Callback, Trainer

import freak_lightning
from freak_lightning.lightning_api.precision import unscales_gradients_itself
from tests.lightning.tiny import KNOWN_WARNINGS, fit

pytestmark = [*KNOWN_WARNINGS, pytest.mark.every_lightning]

PACKAGE = Path(freak_lightning.__file__).parent
LOOPS = {"fit_loop", "epoch_loop", "val_loop"}
"""Public names of a trainer whose inside is not."""

SINCE = {
    "_check_on_train_epoch_end": "2.5",
    "_last_val_time": "2.6",
    "_timeout": "2.5",
    "_val_check_time_interval": "2.6",
}
"""Names that not every trainer has, and the first Lightning in whose source they are."""


def sources(*, of_lightning_api: bool) -> Iterator[tuple[Path, ast.Module]]:
    """Yield the parsed files of ``lightning_api``, or all others."""
    for path in sorted(PACKAGE.rglob("*.py")):
        if (path.parent.name == "lightning_api") == of_lightning_api:
            yield path, ast.parse(path.read_text())


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


def own_names(tree: ast.Module) -> set[str]:
    """Return the private attributes, methods and functions that a file defines itself."""
    names = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and on_self(node):
            names.add(node.attr)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
    return names


def on_self(node: ast.Attribute) -> bool:
    return isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")


def optional_names(tree: ast.Module) -> Iterator[str]:
    """Yield the private names given to getattr, hasattr and setattr."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id.endswith("attr"):
            yield from (
                each.value
                for each in node.args
                if isinstance(each, ast.Constant) and isinstance(each.value, str) and is_private(each.value)
            )


OF_TORCH = ("gloo_group.py", "rank_store.py")
"""Files with private names of torch, which they document; they import nothing of Lightning."""


def attributes_of_others(tree: ast.Module) -> Iterator[ast.Attribute]:
    """Yield the private attributes of objects that the file does not define, and the trainer's loops."""
    own = own_names(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and not on_self(node):
            private = is_private(node.attr) and node.attr not in own
            if private or node.attr in LOOPS:
                yield node


def imports_of_lightning(tree: ast.Module) -> Iterator[str]:
    """Yield the full names that a file imports from Lightning."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        yield from (n for n in names if n.partition(".")[0] in ("lightning", "pytorch_lightning"))


def test_only_lightning_api_uses_private_names_loops_and_imports_of_lightning() -> None:
    found = []
    for path, tree in sources(of_lightning_api=False):
        own = own_names(tree)
        private = [] if path.name in OF_TORCH else attributes_of_others(tree)
        uses = [f"{node.lineno}: {ast.unparse(node)}" for node in private]
        if path.name not in OF_TORCH:
            uses += [f"getattr {name}" for name in optional_names(tree) if name not in own]
        uses += [f"import {name}" for name in imports_of_lightning(tree)]
        found += [f"{path.relative_to(PACKAGE)}: {use}" for use in uses]
    assert found == []


def chains() -> list[str]:
    """Return the private attributes and loops that ``lightning_api`` uses, each as ``trainer.a.b``."""
    trees = [tree for _, tree in sources(of_lightning_api=True)]
    return sorted({ast.unparse(node) for tree in trees for node in attributes_of_others(tree)})


def test_every_private_name_is_read_from_the_trainer_so_that_it_can_be_looked_up() -> None:
    assert [chain for chain in chains() if not re.fullmatch(r"trainer(\.\w+)+", chain)] == []
    assert len(chains()) > 10
    imported = [name for _, tree in sources(of_lightning_api=True) for name in imports_of_lightning(tree)]
    assert [name for name in imported if any(is_private(part) for part in name.split("."))] == []


def test_a_trainer_of_this_lightning_has_every_private_name() -> None:
    missing: set[str] = set()

    class LookUp(Callback):
        def on_train_batch_end(self, trainer: Trainer, *_: Any) -> None:
            for chain in chains():
                found: Any = trainer
                for name in chain.split(".")[1:]:
                    if name in SINCE:
                        break
                    if not hasattr(found, name):
                        missing.add(chain)
                        break
                    found = getattr(found, name)

    fit([LookUp()], max_epochs=1, limit_train_batches=1)
    assert missing == set()


def test_the_source_of_this_lightning_has_the_names_that_not_every_trainer_has() -> None:
    optional = {name for _, tree in sources(of_lightning_api=True) for name in optional_names(tree)}
    optional -= {"_step_supports_amp_scaling"}  # torch's
    assert optional <= set(SINCE)
    assert set(SINCE) - optional <= {chain.rpartition(".")[2] for chain in chains()}
    source = "\n".join(path.read_text() for path in Path(str(pytorch.__file__)).parent.rglob("*.py"))
    there = {name for name in SINCE if re.search(rf"\b{name}\b", source)}
    assert there == {name for name, first in SINCE.items() if release(first) <= release(pytorch.__version__)}


def test_torch_marks_optimizers_that_unscale_gradients() -> None:
    weight = torch.nn.Parameter(torch.zeros(1))
    assert unscales_gradients_itself(torch.optim.Adam([weight], fused=True))
    assert not unscales_gradients_itself(torch.optim.Adam([weight]))


def release(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:2])
