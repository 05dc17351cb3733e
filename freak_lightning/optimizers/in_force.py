"""What is in force now: the values that optimizer steps use, and the trainer's settings."""

from freak_lightning.lightning_api.namespace import Trainer
from freak_lightning.optimizers.param_group_overlay import GroupInForce, ParamGroupOverlay
from freak_lightning.optimizers.values_at_hand import in_json

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

        A value that is a tensor on a device is None: reading it would wait for the device.
        """
        found = self._overlay.in_force() if self._overlay is not None else []
        groups: dict[str, object] = {each.name: self._group(each) for each in found[:MOST_GROUPS]}
        left_out = {"groups_left_out": len(found) - MOST_GROUPS} if len(found) > MOST_GROUPS else {}
        settings = {name: getattr(self._trainer, name, None) for name in SETTINGS}
        return {"groups": groups, **left_out, "trainer": settings}

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
