"""The sentence on what would help a spiking run; the causes that `explain` names."""

from __future__ import annotations

import numpy as np

from simulator.experiment.spikingrun import run_spiking
from simulator.report.explain import _most
from simulator.report.spiking import hint


def test_it_asks_for_no_more_tiles_than_there_are(tmp_path):
    path = tmp_path / "net.npz"
    np.savez(
        path, model="if", pre=[0, 1], post=[1, 0], w=[2.0, 2.0], threshold=1.0, bias=[2.0, 0.0], core_id=[0, 4], steps=3
    )  # fmt: skip
    mesh = {"links.mesh.columns": 3, "links.mesh.rows": 1, "links.mesh.barrier": "{1: 1 ps}"}
    assert "`--set mapping.tiles=3` spreads" in hint(
        run_spiking("neuromorphic/loihi_1", path, overrides=mesh)
    )
    mesh["links.mesh.columns"] = 2
    result = run_spiking("neuromorphic/loihi_1", path, overrides=mesh)
    assert "mapping.tiles" not in hint(result)
    assert any("host" in text for text in result.not_modelled), "no chip runs without one, inputs or not"


def test_a_cause_that_nobody_can_see_is_not_named():
    assert _most({"fill_drain": 6, "compute": 10**12}, 10**12 + 6) == ["100 % compute"]
    assert _most({"compute": 3, "sync": 1, "noc": 0}, 4) == ["75 % compute", "25 % sync"]
    assert _most({}, 0) == []
