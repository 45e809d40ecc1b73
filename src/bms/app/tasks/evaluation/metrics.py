"""The figures that a gate may ask for."""

import numpy as np
from numpy.typing import NDArray

_SMALLEST = 1e-15  # a true class that was given no chance at all counts as this, not as infinitely bad


def of_classes(right: NDArray[np.bool_], chances: NDArray[np.float64] | None) -> dict[str, float]:
    """`accuracy`; `log_loss`, the mean negative logarithm of the true class's probability, where `chances` tell it."""
    metrics = {"accuracy": float(np.mean(right))}
    if chances is not None:
        metrics["log_loss"] = float(-np.mean(np.log(np.clip(chances, _SMALLEST, 1.0))))
    return metrics


def of_quantities(predicted: NDArray[np.float64], wanted: NDArray[np.float64]) -> dict[str, float]:
    """`rmse`, the root of the mean squared error, and `r2`, the coefficient of determination; both of [rows]."""
    residual = predicted - wanted
    spread = float(np.sum((wanted - wanted.mean()) ** 2))
    return {
        "rmse": float(np.sqrt(np.mean(residual**2))),
        "r2": 1.0 - float(np.sum(residual**2)) / spread if spread else 0.0,
    }
