"""Names of learning rates in logs, as ``LearningRateMonitor`` names them."""

from collections import Counter

from freak_lightning.lightning_api.namespace import Trainer
from freak_lightning.optimizers.overlaid_optimizer import Value


def rate_names(trainer: Trainer) -> list[list[str]]:
    """Return a list per optimizer with a name per param group, such as ``lr-SGD`` or ``lr-Adam-1/pg2``.

    A scheduler's ``name`` and a param group's ``name`` take precedence. Optimizers with a scheduler are
    numbered first, as ``LearningRateMonitor`` does.
    """
    given = {id(config.scheduler.optimizer): config.name for config in trainer.lr_scheduler_configs}
    scheduled = [config.scheduler.optimizer for config in trainer.lr_scheduler_configs]
    names: dict[int, str] = {}
    seen: Counter[str] = Counter()
    for optimizer in [*scheduled, *trainer.optimizers]:
        if id(optimizer) not in names:
            names[id(optimizer)] = given.get(id(optimizer)) or _counted(type(optimizer).__name__, seen)
    return [_by_group(names[id(optimizer)], optimizer.param_groups) for optimizer in trainer.optimizers]


def _counted(kind: str, seen: Counter[str]) -> str:
    seen[kind] += 1
    return f"lr-{kind}-{seen[kind] - 1}" if seen[kind] > 1 else f"lr-{kind}"


def _by_group(name: str, groups: list[dict[str, Value]]) -> list[str]:
    if len(groups) == 1:
        return [f"{name}/{groups[0]['name']}" if "name" in groups[0] else name]
    return [f"{name}/{group.get('name', f'pg{number}')}" for number, group in enumerate(groups, 1)]
