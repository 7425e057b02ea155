"""The command line. Thin: every verb reads its arguments, calls one function, shows what came back."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from simulator import __version__
from simulator.base.errors import InputError, Problem
from simulator.experiment import (
    cliabout,
    clicompare,
    cliconvert,
    cliquantize,
    clispiking,
    clisweep,
    clivalues,
    screen,
)
from simulator.experiment import clioptions as options
from simulator.experiment.clioptions import NONE, Chip, Json, Out, Plugin, Quiet, Set
from simulator.experiment.overrides import describe_overrides, run_command, split_overrides

if TYPE_CHECKING:
    from simulator.mapping.schedule import Schedule
    from simulator.results.result import Result
    from simulator.results.trace import Trace

app = typer.Typer(
    name="chipsim",
    help="Simulate networks on AI chips: latency, energy, memory traffic, per layer, with sources.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.command()
def run(
    chip: Annotated[
        str, typer.Argument(metavar="CHIP|EXPERIMENT.yaml", help="Chip, or an experiment's file alone")
    ],
    network: Annotated[
        str | None, typer.Argument(metavar="NETWORK", help="Network: path, or name under workloads/")
    ] = None,
    batch: Annotated[int | None, typer.Option(min=1, help="Binds a free batch dimension")] = None,
    stream: Annotated[
        int, typer.Option(min=1, metavar="N", help="Also run N inferences back to back, for the throughput")
    ] = 1,
    inputs: options.Inputs = None,
    golden: options.Golden = None,
    profile: options.Profile = None,
    set_: Set = NONE,
    plan: Annotated[
        bool, typer.Option("--plan", help="Show the schedule and the memory layout; simulate nothing")
    ] = False,
    out: Out = None,
    trace: Annotated[
        bool, typer.Option("--trace", help="Also write trace.json.gz, a timeline for Perfetto")
    ] = False,
    quick: Annotated[
        bool, typer.Option("--quick", help="Of an experiment: the small runs that its `quick` says")
    ] = False,
    json_: Json = False,
    quiet: Quiet = False,
    plugin: Plugin = NONE,
) -> None:
    """Simulate one network on one chip, or an experiment."""
    options.import_plugins(plugin)
    _check_options(out, quick and network is not None)
    overrides = options.read_overrides(set_)
    if network is None:
        alone = plan or trace or stream > 1 or inputs or golden or profile
        _run_experiment(chip, overrides, batch, bool(alone), quick, out, json_, quiet)
        return
    for_chip, settings = split_overrides(overrides)
    from simulator.hw.chip import load_chip

    built = load_chip(chip, for_chip)
    # after the chip is known to be right: a wrong one is answered without loading planner and readers
    from simulator.experiment.spikingrun import refuse_settings, spikes

    if spikes(built, network):
        of_run = clispiking.Options(inputs, batch, stream, golden, profile, plan, trace, out, json_, quiet)
        clispiking.run(built, chip, network, overrides, of_run, _deliver)
        return
    refuse_settings(settings)
    from simulator.experiment.execute import carried_samples
    from simulator.experiment.language import language_model, refuse, run_language_model
    from simulator.experiment.single import finish_with_trace, prepare_with_values, with_stream, with_values
    from simulator.experiment.values import read_given

    carried = carried_samples(network, settings) if inputs is None else None
    given = read_given(inputs, golden, profile, carried)
    command, asked = _asked(chip, network, overrides, batch, stream, inputs, golden, profile)
    request = language_model(network, settings, batch)
    if request is not None and not plan:
        refuse(stream=stream > 1, inputs=given is not None, trace=trace)
        say = screen.teller("simulating", quiet)
        result = run_language_model(built, request, command=command, settings=asked, say=say)
        _deliver([result], out, json_, quiet)
        return
    with screen.progress(f"{'executing and ' if given else ''}planning {network} on {chip} ...", quiet):
        for_network = {f"workload.{name}": value for name, value in settings.items()}
        _, schedule, values = prepare_with_values(
            built, network, overrides=for_network, batch=batch, given=given
        )
    if plan:
        _show_plan(schedule, json_)
        return
    with screen.progress(f"simulating {len(schedule.tasks)} tasks ...", quiet):
        result, timeline = finish_with_trace(built, schedule, command=command, settings=asked)
    with screen.progress(f"simulating a stream of {stream} inferences ...", quiet or stream < 2):
        result = with_stream(result, schedule, stream)
    result = with_values(result if batch is None else replace(result, batch=batch), values)
    folder = _deliver([result], out, json_, quiet)
    if trace:
        _write_trace(timeline, folder, quiet or json_)


def _write_trace(timeline: Trace, folder: Path, silent: bool) -> None:
    from simulator.report.trace import write_trace

    written = write_trace(timeline, folder)
    if not silent:
        screen.emit([f"wrote {written}; open it in ui.perfetto.dev"])


def _check_options(out: Path | None, quick: bool = False) -> None:
    if quick:
        raise InputError(Problem("is for an experiment's file, not for CHIP NETWORK", "--quick"))
    if out is not None and out.exists() and not out.is_dir():
        raise InputError(Problem("expected a folder for --out, this is a file", str(out)))


def _asked(
    chip: str, network: str, overrides: dict[str, object], batch: int | None, stream: int,
    inputs: str | None, golden: str | None, profile: str | None,
) -> tuple[str, dict[str, object]]:  # fmt: skip
    """The command line of a run, and what was asked for, for provenance and resolved.yaml."""
    numbers = {"batch": batch, "stream": stream if stream > 1 else None}
    options = {**numbers, "inputs": inputs, "golden": golden, "profile": profile}
    command = run_command(chip, network, overrides, options)
    return command, {"chip": chip, "network": network, "set": overrides}


def _run_experiment(
    path: str,
    overrides: dict[str, object],
    batch: int | None,
    plan: bool,
    quick: bool,
    out: Path | None,
    json_: bool,
    quiet: bool,
) -> None:
    from simulator.experiment.experiment import is_experiment, load_experiment

    if not is_experiment(path):
        message = "expected CHIP NETWORK, or the .yaml file of an experiment; a network is missing"
        raise InputError(Problem(message, path))
    if overrides or batch or plan:
        raise InputError(
            Problem(
                "--set, --batch, --inputs, --golden, --profile, --stream, --plan and --trace "
                "are for CHIP NETWORK, not for an experiment",
                path,
            )
        )
    experiment = load_experiment(path, quick=quick)
    folder = out or Path("reports") / ((experiment.name or Path(path).stem) + "_quick" * quick)
    results: list[Result] = []
    try:
        for i, result in enumerate(experiment.results(), 1):
            results.append(result)
            latency = f"{result.metrics.latency_s * 1e3:.4g} ms"
            chosen = describe_overrides(experiment.points[i - 1].settings()).replace("--set ", "")
            where = f"{result.chip} {result.network} {chosen}".rstrip()
            screen.note(f"{i}/{len(experiment.points)} {where}: {latency}", quiet)
    except (KeyboardInterrupt, InputError):  # what was finished is kept
        if results:
            _deliver(results, folder, json_, quiet)
        raise
    _deliver(results, folder, json_, quiet, experiment.reports)


def _deliver(
    results: list[Result], out: Path | None, json_: bool, quiet: bool, reports: Sequence[str] = ()
) -> Path:
    """Write the folder with its further reports, then show; the folder."""
    from simulator.report import REPORTS
    from simulator.report.hint import hint
    from simulator.report.layout import folder_name
    from simulator.report.runs import runs_table
    from simulator.report.write import replaces, write_report

    folder = out or Path("reports") / folder_name(results[0])
    former = replaces(results[0], folder) if len(results) == 1 else ""
    if former:
        screen.note(f"{folder}: replaces the result of: {former}", quiet)
    further = [path for name in reports for path in REPORTS[name](results, folder)]
    pages = [path.name for path in further]
    written = [*write_report(results, folder, pages), *further]
    if json_:
        documents = [result.to_dict() for result in results]
        screen.emit_json(documents[0] if len(documents) == 1 else documents)
    elif not quiet:
        if len(results) == 1:
            screen.show_result(results[0])
            screen.emit([f"hint: {text}" for text in (hint(results[0]),) if text])
        else:
            screen.show_table(*runs_table(results), 3)
        screen.emit([f"wrote {written[0]} and {len(written) - 1} more files"])
    return folder


@app.command()
def explain(
    chip: Chip,
    network: Annotated[
        str, typer.Argument(metavar="NETWORK", help="Network: path, or name under workloads/")
    ],
    layer: Annotated[
        str | None,
        typer.Argument(
            metavar="LAYER", help="Name of a layer, a part of it, or its number [the whole network]"
        ),
    ] = None,
    batch: Annotated[int | None, typer.Option(min=1, help="Binds a free batch dimension")] = None,
    set_: Set = NONE,
    top: Annotated[int, typer.Option(min=1, help="Entries of each list")] = 8,
    hints: Annotated[
        bool, typer.Option(help="Change every parameter of the chip in turn and simulate anew")
    ] = True,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes for that [all processors]")] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Also write it to this folder")
    ] = None,
    json_: Json = False,
    quiet: Quiet = False,
    plugin: Plugin = NONE,
) -> None:
    """Why a layer (or the network) takes what it takes, and which parameter of the chip would help most."""
    options.import_plugins(plugin)
    from simulator.hw.chip import load_chip

    overrides = options.read_overrides(set_)
    # a wrong one is answered before the rest loads
    built = load_chip(chip, split_overrides(overrides)[0])
    from simulator.experiment.explain import explain as explain_run
    from simulator.experiment.spikingexplain import explain_spiking
    from simulator.experiment.spikingrun import refuse_options, spikes
    from simulator.report.explain import explanation_lines

    told = screen.paced("tried", quiet)
    if spikes(built, network):
        refuse_options(batch=batch is not None)
        explanation = explain_spiking(
            built, chip, network, layer, overrides=overrides, hints=hints, progress=told
        )
    else:
        explanation = explain_run(
            chip, network, layer, overrides=overrides, batch=batch, hints=hints,
            workers=workers or os.cpu_count() or 1, plugins=plugin, progress=told,
        )  # fmt: skip
    lines = explanation_lines(explanation, top)
    if out is not None:
        screen.write_explanation(explanation, lines, out)
    if json_:
        screen.emit_json(explanation.to_dict())
    else:
        screen.emit(lines)


@app.command()
def gemm(
    chip: Chip,
    m: Annotated[int, typer.Option("--m", help="Rows of the first operand")],
    n: Annotated[int, typer.Option("--n", help="Columns of the second operand")],
    k: Annotated[int, typer.Option("--k", help="Inner dimension")],
    dataflow: Annotated[
        str | None, typer.Option(metavar="ws,os,is", help="Dataflows to compare [the chip's own]")
    ] = None,
    set_: Set = NONE,
    json_: Json = False,
    quiet: Quiet = False,
    plugin: Plugin = NONE,
) -> None:
    """One matrix product on one chip: cycles, traffic, energy."""
    options.import_plugins(plugin)
    from simulator.experiment.gemm import gemm as simulate_gemm

    dataflows = [name.strip() for name in dataflow.split(",")] if dataflow else None
    with screen.progress(f"simulating {m} x {n} x {k} on {chip} ...", quiet):
        results = simulate_gemm(chip, m, n, k, dataflows=dataflows, overrides=options.read_overrides(set_))
    records = [result.record() for result in results]
    if json_:
        screen.emit_json(records[0] if len(records) == 1 else records)
        return
    for record in records:
        screen.emit(screen.gemm_lines(record))


@app.command()
def memory(
    standard: options.Standard,
    trace: options.TraceFile = None,
    preset: options.Preset = "",
    org: options.Organisation = "",
    channels: options.Channels = 1,
    ranks: options.Ranks = None,
    mapping: options.Mapping = "RoBaRaCoCh",
    controller: options.Controller = "frfcfs",
    set_: options.SetMemory = NONE,
    commands: options.Commands = None,
    json_: Json = False,
    quiet: Quiet = False,
    plugin: Plugin = NONE,
) -> None:
    """DRAM alone, driven by a trace; without one, the presets and organisations of a standard."""
    options.import_plugins(plugin)
    from simulator.experiment import memorysetup

    setup = memorysetup.choose(
        standard, preset=preset, organisation=org, channels=channels, ranks=ranks, mapping=mapping,
        controller=controller, settings=options.read_overrides(set_, "timing.nRC=80"),
    )  # fmt: skip
    if trace is None:
        record = memorysetup.describe_standard(standard)
        screen.emit_json(record) if json_ else screen.emit(memorysetup.standard_lines(record))
        return
    # after the choices are known to be right: a wrong one is answered without loading the kernel
    from simulator.experiment import memory as dram
    from simulator.experiment.memorytext import memory_lines

    result = dram.memory(
        setup, trace, controller=controller, commands=commands, say=lambda text: screen.note(text, quiet),
        progress=screen.paced("served", quiet),
    )  # fmt: skip
    screen.emit_json(result.record()) if json_ else screen.emit(memory_lines(result))


for verb in (
    clivalues.execute,
    cliquantize.quantize,
    cliconvert.convert,
    clisweep.sweep,
    clisweep.merge,
    clicompare.compare,
    cliabout.describe,
    cliabout.schema,
    cliabout.doctor,
):
    app.command()(verb)
app.command("list")(cliabout.list_)


def _version(show: bool) -> None:
    if show:
        screen.emit([f"chipsim {__version__}"])
        raise typer.Exit()


@app.callback()
def _top(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version")
    ] = False,
) -> None:
    pass


def _show_plan(schedule: Schedule, json_: bool) -> None:
    if json_:
        screen.emit_json({"schedule": schedule.describe(), "layout": schedule.layout()})
    else:
        screen.show_plan(schedule.describe(), schedule.layout())


def main() -> None:
    """Entry point: exit 0 done, 2 wrong input, 1 a defect of ours (traceback), 130 interrupted."""
    try:
        app()
    except InputError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(2)
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        sys.exit(130)
    except BrokenPipeError:  # the reader of our output has gone, as `| head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    main()
