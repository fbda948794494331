"""A SLURM cluster that the tests own."""

from collections.abc import Iterator

import pytest

from tests.slurm.cluster import Cluster, running_cluster


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Two virtual nodes on this machine, started once for all tests that ask for them."""
    with running_cluster(tmp_path_factory.mktemp("slurm")) as running:
        yield running
