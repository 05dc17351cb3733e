"""The history of metrics as a pandas ``DataFrame``, for who has pandas."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from freak_core.client.documents import MetricPoint
from freak_core.errors import ConfigurationError

if TYPE_CHECKING:
    from pandas import DataFrame


def metric_frame(series: Mapping[str, Sequence[MetricPoint]]) -> "DataFrame":
    """Return points as rows with the columns ``metric``, ``step``, ``time`` and ``value``.

    Raises:
        ConfigurationError: pandas is not installed.
    """
    try:
        import pandas as pd
    except ImportError:
        raise ConfigurationError("a DataFrame of metrics needs pandas: pip install pandas") from None
    rows = [(name, *point) for name, points in series.items() for point in points]
    names, steps, times, values = zip(*rows, strict=True) if rows else ((), (), (), ())
    return pd.DataFrame(
        {
            "metric": pd.Series(names, dtype="str"),
            "step": pd.Series(steps, dtype="Float64").convert_dtypes(),
            "time": pd.to_datetime(pd.Series(times, dtype="float64"), unit="s", utc=True),
            "value": pd.Series(values, dtype="float64"),
        }
    )
