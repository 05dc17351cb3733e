"""Fixtures: a cluster with a program that runs on its compute node."""

from collections.abc import Iterator

import pytest

from tests.reach.cluster import Cluster, cluster


@pytest.fixture(scope="module")
def machines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Two machines; the program ``digits`` runs on the compute node."""
    with cluster(tmp_path_factory.mktemp("cluster")) as found:
        found.program("digits")
        yield found


@pytest.fixture
def site(machines: Cluster) -> Iterator[Cluster]:
    """The two machines with the ssh configuration as it was at first; no ssh may be left at the end."""
    machines.know_host("host_key")
    machines.configure()
    yield machines
    assert machines.left_behind() == []
