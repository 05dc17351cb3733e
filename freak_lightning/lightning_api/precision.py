"""Facts of mixed precision."""


def unscales_gradients_itself(optimizer: object) -> bool:
    """Return whether the optimizer's fused step unscales gradients, so that Lightning cannot clip them.

    Private in torch: Lightning's ``MixedPrecision`` reads the same attribute, and raises within the step.
    """
    return bool(getattr(optimizer, "_step_supports_amp_scaling", False))
