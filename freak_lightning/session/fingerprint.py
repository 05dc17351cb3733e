"""A fingerprint of the weights, so cheap that every receipt can carry one."""

import hashlib
import logging
from dataclasses import replace

import torch

from freak_lightning.control_point import Point
from freak_lightning.lightning_api.namespace import LightningModule

logger = logging.getLogger("freak")

TENSORS, NUMBERS = 64, 16
"""How many of the weights are looked at, and how many numbers of each: an optimizer step changes them all."""


def with_weights(point: Point, former: Point, module: LightningModule) -> Point:
    """Return the point with the fingerprint of this rank's weights, for its receipts.

    ``former`` is the point of the receipts before: if it is the same place, its fingerprint is taken, from
    before an action has changed the weights.
    """
    if point.weights is not None:
        return point
    same = (former.step, former.kind, former.batch) == (point.step, point.kind, point.batch)
    return replace(point, weights=(same and former.weights) or fingerprint(module))


def fingerprint(module: LightningModule) -> str | None:
    """Return a short hash of a sample of this rank's trained weights; None where they cannot be read.

    The sample is copied to the CPU at once, so a GPU is waited for once. No collective: of sharded weights
    this rank's part is read.
    """
    try:
        trained = [each for each in module.parameters() if each.requires_grad]
        chosen = trained[:: max(1, len(trained) // TENSORS)][:TENSORS]
        parts = [_local(each).reshape(-1)[:NUMBERS].to(torch.float64) for each in chosen]
        if not parts:
            return None
        return hashlib.sha256(torch.cat(parts).cpu().numpy().tobytes()).hexdigest()[:16]
    except Exception:
        logger.debug("the weights have no fingerprint", exc_info=True)
        return None


def _local(weight: torch.Tensor) -> torch.Tensor:
    local = weight.to_local() if hasattr(weight, "to_local") else weight  # a DTensor's own part
    tensor: torch.Tensor = local.detach()
    return tensor
