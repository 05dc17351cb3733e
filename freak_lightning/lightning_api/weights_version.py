"""Whether weights have changed, without reading them."""

from collections.abc import Iterable
from operator import attrgetter

from torch import Tensor

version = attrgetter("_version")


def weights_version(weights: Iterable[Tensor]) -> int:
    """Return a number that grows with every change of the weights in place; waits for no device.

    Private, since only PyTorch's autograd counts the changes. A kernel that writes past PyTorch, such as a
    captured CUDA graph, is not counted.
    """
    try:
        return sum(map(version, weights))
    except (RuntimeError, AttributeError):  # inference tensors have no version
        return 0
