"""The dashboard's source passes its checks, as ``make dashboard-check`` runs them."""

import pytest

from tests.dashboard.check import CHECKS, check
from tests.dashboard.npm_packages import install


@pytest.mark.parametrize("name", CHECKS)
def test_the_source_passes(name: str) -> None:
    install()
    assert check(name) == ""
