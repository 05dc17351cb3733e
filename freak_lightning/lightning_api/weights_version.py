"""Whether weights have changed, without reading them."""

from collections.abc import Iterable
from operator import attrgetter

from torch import Tensor

version = attrgetter("_version")


def weights_versions(weights: Iterable[Tensor]) -> dict[int, int]:
    """Return for each weight, by its identity, a number that grows with every change in place.

    It waits for no device. Private, since only PyTorch's autograd counts the changes. A kernel that writes
    past PyTorch, such as a captured CUDA graph, is not counted.
    """
    try:
        return {id(each): version(each) for each in weights}
    except (RuntimeError, AttributeError):  # inference tensors have no version
        return {}
