"""The verb `run` of the command line, where a spiking network is run on a spiking chip."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from simulator.experiment import screen
from simulator.experiment.overrides import run_command, split_overrides

if TYPE_CHECKING:
    from simulator.hw.chip import Chip
    from simulator.mapping.spiking.schedule import SpikingSchedule
    from simulator.results.result import Result


class Options(NamedTuple):
    """Options of the verb, as it has them."""

    inputs: str | None
    batch: int | None
    stream: int
    golden: str | None
    profile: str | None
    plan: bool
    trace: bool
    out: Path | None
    json: bool
    quiet: bool


#: Writes the folder of results and shows them: (results, out, json, quiet) -> the folder.
Deliver = Callable[[list["Result"], Path | None, bool, bool], Path]


def run(
    built: Chip, chip: str, network: str, overrides: Mapping[str, object], options: Options, deliver: Deliver
) -> None:
    """Simulate one spiking network on one chip, or show its mapping."""
    from simulator.experiment.spikingrun import prepare_spiking, refuse_options, run_prepared

    refuse_options(
        batch=options.batch is not None,
        stream=options.stream > 1,
        golden=options.golden is not None,
        profile=options.profile is not None,
    )
    with screen.progress(f"mapping {network} on {chip} ...", options.quiet):
        request = prepare_spiking(
            built, network, split_overrides(overrides)[1], options.inputs, planning=options.plan
        )
    if options.plan:
        show_mapping(request.schedule, options.json)
        return
    command = run_command(chip, network, overrides, {"inputs": options.inputs or None})
    settings = {"chip": chip, "network": network, "set": dict(overrides)}
    with screen.progress("executing and simulating ...", options.quiet):
        result, timeline = run_prepared(request, command=command, settings=settings)
    folder = deliver([result], options.out, options.json, options.quiet)
    if options.trace:
        from simulator.report.trace import write_trace

        written = write_trace(timeline, folder)
        if not (options.quiet or options.json):
            screen.emit([f"wrote {written}; open it in ui.perfetto.dev"])


def show_mapping(schedule: SpikingSchedule, as_json: bool) -> None:
    """Which cores hold which population, and what each core takes of its limits."""
    populations, cores = schedule.describe(), schedule.layout()
    messages, hops = schedule.hops()
    if as_json:
        screen.emit_json({"schedule": populations, "layout": cores, "messages": messages, "hops": hops})
        return
    from simulator.mapping.spiking.schedule import ranges

    for each in populations:
        if each["kind"] != "neuron":
            screen.emit([f"{each['population']} ({each['kind']}): {each['neurons']}, on no core"])
            continue
        by = {"mapper": "placed by the mapper", "rule": "placed by mapping.populations"}
        how = by.get(each["placed_by"], "pinned by the network's core_id")
        screen.emit(
            [
                f"{each['population']}: {each['neurons']} neurons, {each['synapses']} synapses to them "
                f"({each['format'] or 'none'}); {how}",
                f"    cores {ranges(each['cores'])} on tiles {ranges(each['tiles'])}",
            ]
        )
    screen.emit(["", f"if every neuron and input spiked once: {messages} messages, {hops} hops", ""])
    headers = ["core", "tile", "at", "neurons", "axons in", "axons out", "synapses (B)"]
    core, capacity = schedule.parts.core, schedule.parts.memory.capacity_bytes
    limits = ["limit", "", "", str(core.neurons), str(core.axons_in), str(core.axons_out), str(capacity)]
    rows = [
        [str(each["core"]), str(each["tile"]), "{}, {}".format(*each["place"]), str(each["neurons"]),
         str(each["axons_in"]), str(each["axons_out"]), str(each["synapse_bytes"])]
        for each in cores
    ]  # fmt: skip
    screen.show_table(headers, [*rows, limits], 1, f"cores of {schedule.chip.name} with neurons")
