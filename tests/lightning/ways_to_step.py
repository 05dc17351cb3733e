"""The ways in which a training may change, wrap, compile or step its optimizer."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor
from torch.optim import LBFGS, SGD, Optimizer
from torch.optim.lr_scheduler import StepLR

RATE = 0.5


class Line(LightningModule):
    """Every gradient is 1, so a step of plain SGD moves a weight by the rate that it uses: ``moved``."""

    def __init__(self, weights: int = 1) -> None:
        super().__init__()
        self.w = torch.nn.ParameterList([torch.nn.Parameter(torch.zeros(())) for _ in range(weights)])
        self.moved: list[list[float]] = []

    def training_step(self, batch: Tensor, batch_idx: int) -> Any:
        return sum(each for each in self.w if each.requires_grad)

    def validation_step(self, batch: Tensor, batch_idx: int) -> None:
        """Do nothing."""

    def configure_optimizers(self) -> Any:
        return SGD(self.parameters(), lr=RATE)

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        self.before = [each.item() for each in self.w]

    def on_train_batch_end(self, *_: Any) -> None:
        pairs = zip(self.before, self.w, strict=True)
        self.moved.append([round(before - now.item(), 5) for before, now in pairs])


class ByHand(Line):
    """Steps in ``training_step``, as ``step_by_hand`` says."""

    def __init__(self, weights: int = 1) -> None:
        super().__init__(weights)
        self.automatic_optimization = False

    def training_step(self, batch: Tensor, batch_idx: int) -> None:
        self.zero_grad()
        self.manual_backward(sum(self.w))  # type: ignore[arg-type]
        self.step_by_hand()

    def step_by_hand(self) -> None:
        self.optimizers().step()  # type: ignore[union-attr]


class EachGroup(SGD):
    """Steps its groups one by one, as DeepSpeed's ZeRO does with the optimizer inside it."""

    def step(self, closure: Any = None) -> Any:
        loss = closure() if closure is not None else None
        whole = self.param_groups
        for group in whole:
            self.param_groups = [group]
            super().step()
        self.param_groups = whole
        return loss


class StepsEachGroup:
    """A wrapper that is no torch optimizer, and steps the groups of the one inside one by one."""

    def __init__(self, optimizer: Optimizer) -> None:
        self.optimizer = optimizer

    def step(self) -> None:
        whole = self.optimizer.param_groups
        for group in whole:
            self.optimizer.param_groups = [group]
            self.optimizer.step()
        self.optimizer.param_groups = whole


class Outer(Optimizer):
    """A torch optimizer around another, whose groups it shares, as SAM and Lookahead are."""

    def __init__(self, base: Optimizer) -> None:
        self.base_optimizer = base
        super().__init__(base.param_groups, {})
        self.param_groups = base.param_groups

    def step(self, closure: Any = None) -> Any:
        return self.base_optimizer.step(closure)


def sharded(module: Any) -> Optimizer:
    """Return torch's optimizer around another, to which it copies its values; on one rank."""
    from torch.distributed.optim import ZeroRedundancyOptimizer  # the import warns of TorchScript

    if not dist.is_initialized():
        dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    return ZeroRedundancyOptimizer(module.parameters(), SGD, lr=RATE)


class CalledOptimizer(Outer):
    """The same, with its inner optimizer under the usual name."""

    @property
    def optimizer(self) -> Optimizer:
        return self.base_optimizer


class Bound(ByHand):
    """Calls the step that it has bound before training."""

    def configure_optimizers(self) -> Any:
        optimizer = SGD(self.parameters(), lr=RATE)
        self.bound = optimizer.step
        return optimizer

    def step_by_hand(self) -> None:
        self.bound()


class Elsewhere(ByHand):
    """Steps an optimizer of its own in place of the trainer's."""

    def configure_optimizers(self) -> Any:
        self.mine = SGD(self.parameters(), lr=RATE)
        return SGD(self.parameters(), lr=RATE)

    def step_by_hand(self) -> None:
        self.mine.step()


class GroupByGroup(ByHand):
    def configure_optimizers(self) -> Any:
        optimizer = SGD([{"params": [each]} for each in self.w], lr=RATE)
        self.steps = StepsEachGroup(optimizer)
        return optimizer

    def step_by_hand(self) -> None:
        self.steps.step()


class Compiled(ByHand):
    """Compiles a function that steps: what it has traced goes past every hook."""

    def configure_optimizers(self) -> Any:
        optimizer = SGD(self.parameters(), lr=RATE)
        self.compiled = torch.compile(optimizer.step, backend="eager")
        return optimizer

    def step_by_hand(self) -> None:
        self.compiled()


class NoOptimizer(ByHand):
    """Updates the weights itself, as a step does that was written by hand or captured."""

    def step_by_hand(self) -> None:
        with torch.no_grad():
            for each in self.w:
                each.sub_(each.grad, alpha=RATE)  # type: ignore[arg-type]


class Change(Callback):
    """Calls ``how(trainer, pl_module)`` before the eighth batch, when the rate is held."""

    def __init__(self, how: Callable[[Trainer, Any], object]) -> None:
        self.how = how

    def on_train_batch_start(self, trainer: Trainer, pl_module: Any, batch: Any, batch_idx: int) -> None:
        if (trainer.current_epoch, batch_idx) == (0, 7):
            self.how(trainer, pl_module)


def configured(make: Callable[[Any], Any], weights: int = 1) -> Callable[[], Line]:
    """Return a maker of modules whose ``configure_optimizers`` is ``make``."""

    class Configured(Line):
        def configure_optimizers(self) -> Any:
            return make(self)

    return lambda: Configured(weights)


def new(module: Any) -> SGD:
    return SGD(module.parameters(), lr=RATE)


def replaced_in_list(trainer: Trainer, module: Any) -> None:
    trainer.strategy._optimizers[0] = new(module)


def add_group(trainer: Trainer, module: Any) -> None:
    module.w[1].requires_grad_(True)
    trainer.optimizers[0].add_param_group({"params": [module.w[1]], "lr": RATE, "name": "late"})


def lbfgs(module: Any) -> Optimizer:
    return LBFGS(module.parameters(), lr=RATE, max_iter=1)


def frozen(module: Any) -> SGD:
    module.w[1].requires_grad_(False)
    return SGD([module.w[0]], lr=RATE)


def reloaded(trainer: Trainer, module: Any) -> None:
    trainer.optimizers[0].load_state_dict(trainer.optimizers[0].state_dict())


def set_optimizers(trainer: Trainer, module: Any) -> None:
    trainer.optimizers = [new(module)]


def set_of_strategy(trainer: Trainer, module: Any) -> None:
    trainer.strategy.optimizers = [new(module)]


def set_up_again(trainer: Trainer, module: Any) -> None:
    trainer.strategy.setup_optimizers(trainer)


def other_class(trainer: Trainer, module: Any) -> None:
    class Other(SGD):
        """Another class of optimizer."""

    trainer.optimizers = [Other(module.parameters(), lr=RATE, momentum=0.0)]


def wrap_step(trainer: Trainer, module: Any) -> None:
    optimizer = trainer.optimizers[0]
    inside = optimizer.step

    def step(*args: Any, **kwargs: Any) -> Any:
        return inside(*args, **kwargs)

    optimizer.step = step  # type: ignore[method-assign]


def compiled_step(module: Any) -> SGD:
    optimizer = new(module)
    optimizer.step = torch.compile(optimizer.step, backend="eager")  # type: ignore[method-assign]
    return optimizer


def with_scheduler(module: Any) -> Any:
    optimizer = new(module)
    return [optimizer], [{"scheduler": StepLR(optimizer, 1000), "interval": "step"}]


@dataclass(frozen=True)
class Way:
    """One way to change, wrap, compile or step an optimizer, and what becomes of an override."""

    name: str
    module: Callable[[], Line]
    change: Callable[[Trainer, Any], object] | None = None
    followed: bool = True


WAYS = [
    Way("`SGD`, stepped by the trainer", configured(new)),
    Way("with `foreach=True`", configured(lambda m: SGD(m.parameters(), lr=RATE, foreach=True))),
    Way("with `fused=True`", configured(lambda m: SGD(m.parameters(), lr=RATE, fused=True))),
    Way("a tensor as the rate", configured(lambda m: SGD(m.parameters(), lr=torch.tensor(RATE)))),
    Way("a scheduler that steps every batch", configured(with_scheduler)),
    Way("manual optimization", ByHand),
    Way("`trainer.optimizers = [...]`", Line, set_optimizers),
    Way("`trainer.optimizers = [...]` of another class", Line, other_class),
    Way("`trainer.strategy.optimizers = [...]`", Line, set_of_strategy),
    Way("`trainer.strategy.setup_optimizers(trainer)`", Line, set_up_again),
    Way("another optimizer put into the strategy's list", Line, replaced_in_list),
    Way("`optimizer.load_state_dict(...)`", Line, reloaded),
    Way("`optimizer.add_param_group(...)`", configured(frozen, weights=2), add_group),
    Way("`optimizer.step` wrapped by somebody else", Line, wrap_step),
    Way("`optimizer.step = torch.compile(optimizer.step)`", configured(compiled_step)),
    Way("`step = optimizer.step`, taken before training and called later", Bound),
    Way("an optimizer that the trainer does not know, over the same weights", Elsewhere),
    Way(
        "a wrapper that keeps the inner optimizer in its attribute `optimizer`",
        configured(lambda m: CalledOptimizer(new(m))),
    ),
    Way("a wrapper such as SAM", configured(lambda m: Outer(new(m)))),
    Way("`ZeroRedundancyOptimizer`, which copies its values to another", configured(sharded)),
    Way("`LBFGS`, which calls its closure in the step", configured(lbfgs)),
    Way("other code steps one group at a time, as in DeepSpeed's ZeRO", lambda: GroupByGroup(2)),
    Way(
        "the optimizer itself steps one group at a time",
        configured(lambda m: EachGroup([{"params": [each]} for each in m.w], lr=RATE), weights=2),
    ),
    Way("a step inside a function that `torch.compile` has traced", Compiled, followed=False),
    Way("weights that the module updates itself", NoOptimizer, followed=False),
]
