"""Steer a plain PyTorch loop, without Lightning: a state, one ``sync`` a step, and actions.

    python examples/plain_loop.py --epochs 20 --step-seconds 0.05

``freak.sync`` is the safe point: changes are applied there and actions run there, on this thread, never in
the middle of a step.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import torch
from pydantic import BaseModel, Field
from torch import nn
from torch.nn import functional

from freak_core import Freak

DIGITS = Path(__file__).with_name("digits.csv.gz")
"""A row for each image: 64 pixels from 0 to 16, then the digit; ``digits.py`` says where they come from."""


class Knobs(BaseModel):
    """What may be changed while it trains."""

    lr: float = Field(0.05, gt=0, le=1, description="learning rate of SGD")
    label_smoothing: float = Field(0.0, ge=0, lt=1, description="of the cross entropy")
    dropout: float = Field(0.1, ge=0, lt=1, description="share of the inputs that is left out")
    should_stop: bool = Field(False, description="stop after this step")


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Train on handwritten digits under remote control.")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--step-seconds", type=float, default=0.05, help="sleep this long in every step")
    parser.add_argument("--dir", type=Path, default=Path(), help="checkpoints go here")
    parser.add_argument("--name", help="what the run is called")
    return parser.parse_args()


def main() -> None:
    args = parsed()
    torch.manual_seed(1)
    rows = torch.from_numpy(np.loadtxt(DIGITS, delimiter=",", dtype=np.float32))
    pixels, digits = rows[:, :64] / 16, rows[:, 64].long()
    dropout = nn.Dropout()
    model = nn.Sequential(dropout, nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    optimizer = torch.optim.SGD(model.parameters(), momentum=0.9)
    knobs = Knobs()
    step = 0

    with Freak(name=args.name, apply="sync") as freak:

        @freak.action
        def checkpoint(name: str = "model") -> str:
            """Save weights and optimizer; return the path."""
            path = args.dir.absolute() / f"{Path(name).name}-step={step}.pt"
            torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict(), "step": step}, path)
            return str(path)

        freak.control(knobs)
        batches = len(digits) // 64
        freak.phase("training", total_steps=args.epochs * batches, max_epochs=args.epochs)
        for epoch in range(args.epochs):
            for rows in torch.randperm(len(digits))[: batches * 64].view(batches, 64):
                freak.sync(step=step, epoch=epoch)
                if knobs.should_stop:
                    print(f"stopped at step {step}")
                    return
                dropout.p = knobs.dropout
                optimizer.param_groups[0]["lr"] = knobs.lr
                loss = functional.cross_entropy(
                    model(pixels[rows]), digits[rows], label_smoothing=knobs.label_smoothing
                )
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                step += 1
                freak.publish(step=step, epoch=epoch, loss=loss.item(), lr=knobs.lr)
                time.sleep(args.step_seconds)
            print(f"epoch {epoch}  step {step}  loss {loss.item():.3f}")


if __name__ == "__main__":
    main()
