"""What is in force now: the values that optimizer steps use, and the trainer's settings."""

from freak_lightning.lightning_api.namespace import Trainer
from freak_lightning.optimizers.param_group_overlay import GroupInForce, ParamGroupOverlay
from freak_lightning.optimizers.param_group_values import in_json, is_at_hand

MOST_GROUPS = 200
"""Param groups to list; of the others only their number is told."""

SETTINGS = (
    "max_epochs",
    "max_steps",
    "gradient_clip_val",
    "gradient_clip_algorithm",
    "accumulate_grad_batches",
    "log_every_n_steps",
    "check_val_every_n_epoch",
    "limit_val_batches",
)


MOST_IN_A_TEXT = 4
"""Param groups to name in the text beside one control."""


class InForce:
    """Tells what is in force, for ``GET /run``. Another thread than the training's may ask.

    Args:
        trainer: the trainer that fits.
        overlay: the overrides of its param groups; None where its optimizers cannot be overridden.
    """

    def __init__(self, trainer: Trainer, overlay: ParamGroupOverlay | None) -> None:
        self._trainer = trainer
        self._overlay = overlay
        self._counts: dict[int, tuple[int, int]] = {}

    def read(self) -> dict[str, object]:
        """Return the values of every param group, scheduled and effective, and the trainer's settings.

        ``by_path`` has a text for each control, by its path in the state, such as ``/lr/hold``.

        A value that is a tensor on a device is None: reading it would wait for the device.
        """
        found = self._overlay.in_force() if self._overlay is not None else []
        groups: dict[str, object] = {each.name: self._group(each) for each in found[:MOST_GROUPS]}
        left_out = {"groups_left_out": len(found) - MOST_GROUPS} if len(found) > MOST_GROUPS else {}
        settings = {name: getattr(self._trainer, name, None) for name in SETTINGS}
        by_path = {
            **_by_path(found[:MOST_GROUPS]),
            **{f"/trainer/{k}": _text(v) for k, v in settings.items()},
        }
        return {"groups": groups, **left_out, "trainer": settings, "by_path": by_path}

    def _group(self, group: GroupInForce) -> dict[str, object]:
        values = {
            key: {"scheduled": in_json(scheduled), "effective": in_json(effective)}
            for key, (scheduled, effective) in group.values.items()
        }
        return {"optimizer": group.optimizer, "parameters": self._count(group), **values}

    def _count(self, group: GroupInForce) -> int:
        """Return the number of parameters; counted again only when tensors were added or removed."""
        tensors, known = len(group.params), self._counts.get(id(group.params))
        if known is None or known[0] != tensors:
            known = self._counts[id(group.params)] = tensors, sum(each.numel() for each in group.params)
        return known[1]


def _by_path(groups: list[GroupInForce]) -> dict[str, str]:
    """Return a text for each control of param groups, by its path in the state."""
    texts: dict[str, dict[str, str]] = {}
    for group in groups:
        for key, (scheduled, effective) in group.values.items():
            text = _text(in_json(effective))
            if effective is not scheduled and is_at_hand(scheduled):
                text += f" (scheduled {_text(in_json(scheduled))})"
            texts.setdefault(key, {})[group.name] = text
    rates = texts.pop("lr", {})
    by_path = {f"/optimizer/{key}": _joined(by_group) for key, by_group in texts.items()}
    if rates:
        by_path |= {"/lr/hold": _joined(rates), "/lr/scale": _joined(rates)}
        names = {name: name.replace("~", "~0").replace("/", "~1") for name in rates}
        by_path |= {f"/lr/groups/{names[name]}": text for name, text in rates.items()}
    return by_path


def _joined(by_group: dict[str, str]) -> str:
    """Return one text for all groups if they agree, else a text for each."""
    if len(set(by_group.values())) == 1:
        return next(iter(by_group.values()))
    parts = [f"{name}: {text}" for name, text in by_group.items()]
    more = f"; and {len(parts) - MOST_IN_A_TEXT} more" if len(parts) > MOST_IN_A_TEXT else ""
    return "; ".join(parts[:MOST_IN_A_TEXT]) + more


def _text(value: object) -> str:
    """Return a value as people read it, with at most six digits."""
    if isinstance(value, list):
        return f"[{', '.join(map(_text, value))}]"
    if value is None:
        return "null"
    return str(float(f"{value:.6g}")) if isinstance(value, float) else str(value)
