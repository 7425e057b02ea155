"""run: one network on one chip, from names to a Result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from simulator.experiment.execute import carried_samples
from simulator.experiment.language import language_model, refuse, run_language_model
from simulator.experiment.overrides import split_overrides
from simulator.experiment.single import finish, prepare_with_values, with_stream, with_values
from simulator.experiment.spikingrun import refuse_options, refuse_settings, run_spiking, spikes
from simulator.experiment.values import read_given
from simulator.hw.chip import Chip, load_chip
from simulator.results.result import Result
from simulator.workload.graph import Graph
from simulator.workload.spiking.network import SpikingNetwork


def run(
    chip: str | Path | Chip,
    network: str | Path | Graph | SpikingNetwork,
    *,
    inputs: Mapping[str, object] | str | Path | None = None,
    golden: Mapping[str, object] | str | Path | None = None,
    profile: str | None = None,
    overrides: Mapping[str, object] | None = None,
    batch: int | None = None,
    stream: int = 1,
    command: str = "",
    seed: int = 0,
) -> Result:
    """Simulate a network on a chip.

    Parameters
    ----------
    chip, network
        Path or name (``npu/edge_npu``), or what ``load_chip``, ``load_graph`` and ``load_spiking`` gave.
    inputs
        Array for each of the network's inputs, of one or several samples, and ``labels`` if there are any;
        or the path of an .npz file; None: the samples to test on that the network carries, if any. The
        network is then executed as the chip rounds (see ``execute``); zeros that this finds change time,
        energy and traffic of a chip that skips, gates or compresses them. Of a spiking network: spikes or
        currents, see ``workload.spiking.execute``.
    golden
        Expected outputs by name, or the path of an .npz file, to be compared with those found.
    profile
        Numerics profile instead of the chip's.
    overrides
        Dotted path -> value, such as ``{"cores.npu.rows": 64, "workload.precision": "int8"}``.
    batch
        Binds a free batch dimension.
    stream
        Inferences back to back, for the throughput; see ``with_stream``.
    command
        Command line for the provenance.
    seed
        Recorded; nothing in this model is random.

    Raises
    ------
    InputError
        With all problems of the input.
    """
    asked = {"chip": str(getattr(chip, "name", chip)), "network": str(getattr(network, "name", network))}
    settings = {**asked, "set": dict(overrides or {})}
    for_chip, of_workload = split_overrides(overrides or {})
    built = chip if isinstance(chip, Chip) else load_chip(chip, for_chip)
    if spikes(built, network):
        others = {"golden": golden is not None, "profile": profile is not None, "batch": batch is not None}
        refuse_options(**others, stream=stream > 1)
        assert not isinstance(network, Graph)
        return run_spiking(
            built, network, inputs=inputs, overrides=overrides, command=command, seed=seed, settings=settings
        )
    assert not isinstance(network, SpikingNetwork)
    refuse_settings(of_workload)
    carried = carried_samples(network, of_workload) if inputs is None else None
    given = read_given(inputs, golden, profile, carried)
    request = language_model(network, of_workload, batch)
    if request is not None:
        refuse(stream=stream > 1, inputs=given is not None)
        return run_language_model(
            built, request, overrides=overrides, command=command, seed=seed, settings=settings
        )
    left = dict(overrides or {}) if built is chip else {f"workload.{k}": v for k, v in of_workload.items()}
    built, schedule, values = prepare_with_values(built, network, overrides=left, batch=batch, given=given)
    result = finish(built, schedule, command=command, seed=seed, settings=settings)
    result = with_values(with_stream(result, schedule, stream), values)
    return result if batch is None else replace(result, batch=batch)
