"""The same sweep on a dask cluster of two worker processes over TCP: the same tables, a killed worker or not."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from simulator.base.errors import InputError
from simulator.experiment.sweep.run import sweep

distributed = pytest.importorskip("distributed", reason="the extra `cluster` (dask) is not installed")


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """Address of a scheduler with two processes of one thread."""
    import dask

    dask.config.set({"distributed.comm.timeouts.connect": "30s"})
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, protocol="tcp"
    ) as running:
        yield running.scheduler_address


@pytest.fixture
def study(here: Path, write) -> Path:
    """The sweep with paths that lead from anywhere: workers have a folder of their own."""
    text = Path(write()).read_text()
    for name in ("mini.yaml", "pair.yaml"):
        text = text.replace(name, str(here / name))
    return here / write(text)


def test_the_tables_are_those_of_processes_of_this_machine(cluster: str, study: Path, here: Path):
    sweep(study, workers=2, out=here / "mine")
    seen: list[int] = []

    def watch(progress) -> None:
        seen.append(progress.done)
        if progress.done >= 3 and len(victims) == 1:
            os.kill(victims.pop(), signal.SIGKILL)

    with distributed.Client(cluster, set_as_default=False) as client:
        victims = [min(client.run(os.getpid).values())]
        killed = victims[0]
        result = sweep(study, cluster=cluster, out=here / "theirs", watch=watch)
        assert killed not in client.run(os.getpid).values()
    assert victims == []
    assert result.missing == 0
    for name in ("points.csv", "pareto.csv"):
        assert (here / "theirs" / name).read_bytes() == (here / "mine" / name).read_bytes()


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("tcp://127.0.0.1:1", "expected the address of a dask scheduler such as tcp://host:8786"),
        ("nonsense://x", "expected the address of a dask scheduler"),
    ],
)
def test_a_cluster_that_is_not_there(study: Path, here: Path, address: str, message: str):
    from simulator.experiment.sweep.crew import Cluster

    with pytest.raises(InputError, match=message):
        Cluster(address, timeout_s=1.0)


def test_workers_of_several_threads_are_refused(study: Path, here: Path):
    with (
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=2, processes=False, dashboard_address=None, protocol="tcp"
        ) as running,
        pytest.raises(InputError, match="expected workers of one thread each"),
    ):
        sweep(study, cluster=running.scheduler_address, out=here / "no")
    assert threading.active_count() < 50
