"""run, of spiking networks: from names to a schedule, what the network does, and a Result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from simulator import __version__
from simulator.base.errors import InputError, Problem
from simulator.base.locate import locate
from simulator.experiment.execute import located
from simulator.experiment.overrides import SPIKING_SETTINGS, split_overrides
from simulator.experiment.single import with_values
from simulator.experiment.spikes import seconds
from simulator.hw.chip import Chip, load_chip
from simulator.hw.spiking import is_spiking as is_spiking_chip
from simulator.results.values import Values
from simulator.workload.arrays import read_arrays
from simulator.workload.frontends.converted import Carrying, Conversion, is_converted, load_carrying
from simulator.workload.graph import Graph
from simulator.workload.load import is_spiking, load_spiking
from simulator.workload.spiking.drive import outside, poisson
from simulator.workload.spiking.execute import execute_spikes
from simulator.workload.spiking.network import SpikingNetwork

if TYPE_CHECKING:
    from simulator.mapping.spiking.schedule import SpikingSchedule
    from simulator.results.result import Result
    from simulator.results.trace import Trace
    from simulator.workload.spiking.log import SpikeLog

Inputs = Mapping[str, object]
#: Steps in which it is seen how often neurons spike, for the mapper.
_SAMPLE = 100
#: Steps of a run on a chip at most: a result holds figures of each.
MOST_STEPS = 1_000_000


@dataclass(frozen=True, eq=False)
class SpikingRequest:
    """A run that is asked for: the network on its chip, what drives it, for how many steps.

    ``file`` and ``given`` name the network and its inputs for messages; ``settings`` go to resolved.yaml.
    ``carrying`` is a network that is run on the samples that it carries, one after the other, in place of
    ``inputs``; None where it is not.
    """

    network: SpikingNetwork
    schedule: SpikingSchedule
    inputs: Mapping[str, np.ndarray] | None
    steps: int | None
    file: str
    given: str
    seed: int
    carrying: Carrying | None = None


def spikes(chip: Chip, network: str | Path | Graph | SpikingNetwork) -> bool:
    """Whether a run is one of a spiking network on a spiking chip.

    Raises
    ------
    InputError
        Only one of them is for spikes.
    """
    name = str(getattr(network, "name", network))
    spiking = isinstance(network, SpikingNetwork) or (not isinstance(network, Graph) and is_spiking(network))
    if spiking and not is_spiking_chip(chip):
        text = (
            f"is a spiking network; {chip.name} has no cores for spikes, as neuromorphic/loihi_1 has: "
            f"it has {', '.join(dict.fromkeys(core.kind for core in chip.cores.values()))}"
        )
        raise InputError(Problem(text, name))
    if is_spiking_chip(chip) and not spiking:
        text = (
            "expected a spiking network (.npz, .nir, or a workload such as spiking/keyword_spotting), which "
            f"is what {chip.name} runs; `chipsim convert` makes one of a network of rectified units"
        )
        raise InputError(Problem(text, name))
    return spiking


def prepare_spiking(
    chip: Chip,
    network: str | Path | SpikingNetwork,
    settings: Mapping[str, str],
    inputs: Inputs | str | Path | None = None,
    planning: bool = False,
) -> SpikingRequest:
    """Read a network and its inputs, and plan it.

    Parameters
    ----------
    chip, network
        What is run, on what.
    settings
        Those of the workload: ``steps``, ``rate`` and ``seed`` of random spikes, ``dt`` and ``soft_reset`` of
        .nir.
    inputs
        Arrays by name, or the path of an .npz file.
    planning
        Nothing is to be run: inputs may be missing.

    Raises
    ------
    InputError
        A file or a setting is wrong, or the network does not fit.
    """
    from simulator.mapping.spiking.plan import plan_spiking  # numba: only when something is planned

    carrying, settings = _carrying(network, settings)
    read = _read(network if carrying is None else carrying.coded.network, settings)
    file = network.name if isinstance(network, SpikingNetwork) else str(network)
    rate, seed, steps = _rate(settings), _whole(settings, "seed", 0), _whole(settings, "steps", 1) or None
    given = str(inputs) if isinstance(inputs, str | Path) else file
    _check_steps(steps, read, file)
    arrays = _arrays(inputs)
    on_samples = carrying is not None and arrays is None and rate is None and steps is None
    if carrying is not None and on_samples:
        arrays = carrying.coded.inputs(carrying.samples[0])  # the mapper sees one of them
    said = list(read.assumptions)
    if rate is not None:
        arrays, sentence = _random(read, arrays, rate, seed, steps)
        said.append(sentence)
    elif arrays is None and read.inputs and not planning:
        names = ", ".join(f"'{each.name}'" for each in read.inputs)
        long = "" if steps or read.steps else " --set workload.steps=100"
        some = f"--set workload.rate=0.02{long}"
        text = f"input {names} is missing: give --inputs F.npz, or random spikes by {some}"
        raise InputError(Problem(text, file))
    elif arrays is None and steps is None and read.steps is None and not planning:
        text = "nothing says how many steps: the network has no `steps`; give --set workload.steps=100"
        raise InputError(Problem(text, file))
    if read.synapses.count and int(read.synapses.delays.min()) < 1:
        read = read.delayed(1)
        said.append("synapses take a step at least: the chip delivers spikes in the next one")
    rates = _sampled(read, chip, arrays, steps)
    if rates is not None:
        said.append(f"neurons are spread by what they do in the first {rates[1]} steps")
    read = replace(read, assumptions=tuple(said))
    schedule = plan_spiking(read, chip, file, None if rates is None else rates[0])
    return SpikingRequest(read, schedule, arrays, steps, file, given, seed, carrying if on_samples else None)


def run_prepared(
    request: SpikingRequest,
    *,
    command: str = "",
    seed: int = 0,
    settings: Mapping[str, object] | None = None,
) -> tuple[Result, Trace]:
    """Run what ``prepare_spiking`` made; arguments as for ``run``.

    Raises
    ------
    InputError
        The inputs are not those of the network.
    """
    from simulator.engine.spiking.simulate import simulate_spiking  # simpy and numba: only in a run
    from simulator.mapping.spiking.lower import lower_spiking

    log, values = _logged(request)
    provenance = {"chipsim": __version__, "command": command, "seed": seed or request.seed}
    result, trace = simulate_spiking(lower_spiking(request.schedule, log), provenance)
    experiment: dict[str, Any] = {**(settings or {}), "steps": log.steps, "seed": seed or request.seed}
    chip = dict(request.schedule.chip.resolved)
    result = replace(result, resolved={"experiment": experiment, "chip": chip})
    return result if values is None else replace(with_values(result, values), batch=values.samples), trace


def _logged(request: SpikingRequest) -> tuple[SpikeLog, Values | None]:
    """What the network does, and what a result says of the samples that it carries."""
    from simulator.workload.spiking.log import log_spikes  # numba: only in a run
    from simulator.workload.spiking.samples import log_samples

    carrying, groups = request.carrying, request.schedule.core_of
    if carrying is None:
        try:
            return log_spikes(request.network, request.inputs, groups, steps=request.steps), None
        except InputError as error:
            raise located(error, {"inputs": request.given}, request.file) from error
    coded = replace(carrying.coded, network=request.network)
    log, received = log_samples(coded, list(carrying.samples), groups)
    values = Values(
        profile=f"{request.network.model} neurons (exact integers)",
        samples=len(carrying.samples),
        labelled=len(carrying.labels),
        correct=int((received.argmax(axis=1) == carrying.labels).sum()),
        source=Path(carrying.source).name,
    )
    return log, values


def run_spiking(
    chip: str | Path | Chip,
    network: str | Path | SpikingNetwork,
    *,
    inputs: Inputs | str | Path | None = None,
    overrides: Mapping[str, object] | None = None,
    command: str = "",
    seed: int = 0,
    settings: Mapping[str, object] | None = None,
) -> Result:
    """Simulate a spiking network on a spiking chip; parameters as for ``run``.

    ``seed`` is also that of random spikes, unless the overrides have a ``workload.seed``.
    """
    for_chip, of_workload = split_overrides(overrides or {})
    if seed:
        of_workload.setdefault("seed", str(seed))
    built = chip if isinstance(chip, Chip) else load_chip(chip, for_chip)
    request = prepare_spiking(built, network, of_workload, inputs)
    return run_prepared(request, command=command, seed=seed, settings=settings)[0]


def refuse_options(**asked: bool) -> None:
    """Raise InputError for options of a run that spiking networks have no use for."""
    wrong = [f"--{name}" for name, there in asked.items() if there]
    if wrong:
        raise InputError(*(Problem("is for networks without spikes", name) for name in wrong))


def refuse_settings(settings: Mapping[str, str]) -> None:
    """Raise InputError for settings that only spiking networks have."""
    wrong = [name for name in settings if name in SPIKING_SETTINGS]
    if wrong:
        problems = [
            Problem(
                "is for spiking networks", f"--set workload.{name}={settings[name]}", path=f"workload.{name}"
            )
            for name in wrong
        ]
        raise InputError(*problems)


def _carrying(
    network: str | Path | SpikingNetwork, settings: Mapping[str, str]
) -> tuple[Carrying | None, Mapping[str, str]]:
    """The network with its samples where a builder converts it, and the settings that are the run's."""
    if isinstance(network, SpikingNetwork):
        return None, settings
    path = locate(str(network), "workloads")
    if not is_converted(path):
        return None, settings
    arguments = {name: text for name, text in settings.items() if name in Conversion.model_fields}
    rest = {name: text for name, text in settings.items() if name not in arguments}
    return load_carrying(path, arguments), rest


def _sampled(
    network: SpikingNetwork, chip: Chip, arrays: Mapping[str, np.ndarray] | None, steps: int | None
) -> tuple[np.ndarray, int] | None:
    """Spikes per step of each neuron in the first steps, and how many these are.

    None: the mapper has nothing to place, or nothing is known of how the network is driven.
    """
    pinned = network.core_id is not None and chip.rules.pins == "network"
    if pinned or chip.rules.balance == "assumed" or (network.inputs and arrays is None):
        return None
    try:
        total = outside(network, arrays or {}, steps)[1]
    except InputError:  # the run says what is wrong with them
        return None
    count = min(total, _SAMPLE)
    window = {
        name: array[:count] if array.ndim > 1 and len(array) == total else array
        for name, array in (arrays or {}).items()
    }
    return execute_spikes(network, window, steps=count).counts / count, count


def _check_steps(asked: int | None, network: SpikingNetwork, file: str) -> None:
    """Raise InputError where steps are asked for, or stated by the network, that are too many."""
    steps = asked or network.steps or 0
    if steps > MOST_STEPS:
        place = f"--set workload.steps={asked}" if asked else file
        text = f"expected at most {MOST_STEPS} steps of a run on a chip, got {steps}"
        raise InputError(Problem(text, place, path="workload.steps" if asked else "steps"))


def _arrays(inputs: Inputs | str | Path | None) -> dict[str, np.ndarray] | None:
    if inputs is None:
        return None
    if isinstance(inputs, str | Path):
        return read_arrays(str(inputs))
    return {name: np.asarray(array) for name, array in inputs.items()}


def _read(network: str | Path | SpikingNetwork, settings: Mapping[str, str]) -> SpikingNetwork:
    problems = [
        Problem(
            f"is for networks without spikes; a spiking network has {', '.join(SPIKING_SETTINGS)}",
            f"--set workload.{name}={text}",
            path=f"workload.{name}",
        )
        for name, text in settings.items()
        if name not in SPIKING_SETTINGS
    ]
    if problems:
        raise InputError(*problems)
    if isinstance(network, SpikingNetwork):
        return network
    dt_s = None
    if "dt" in settings:
        dt_s = seconds(settings["dt"], "--set workload.dt")
    soft = {"true": True, "false": None}.get(settings.get("soft_reset", "false").lower(), "wrong")
    if soft == "wrong":
        raise _wrong(settings, "soft_reset", "true or false")
    return load_spiking(network, dt_s=dt_s, soft_reset=True if soft else None)


def _random(
    network: SpikingNetwork, arrays: dict[str, np.ndarray] | None, rate: float, seed: int, steps: int | None
) -> tuple[dict[str, np.ndarray], str]:
    """Random spikes, and the sentence that says so."""
    if arrays is not None:
        text = "random spikes take the place of --inputs; give one of them"
        raise InputError(Problem(text, "--set workload.rate", path="workload.rate"))
    count = steps or network.steps
    if count is None:
        text = "missing; nothing says how many steps of random spikes"
        raise InputError(Problem(text, "--set workload.steps", path="workload.steps"))
    what = "input" if network.inputs else "neuron"
    sentence = f"random spikes: in each step every {what} spikes with probability {rate:g}, seed {seed}"
    return poisson(network, count, rate, seed), sentence


def _rate(settings: Mapping[str, str]) -> float | None:
    if "rate" not in settings:
        return None
    try:
        rate = float(settings["rate"])
    except ValueError:
        rate = -1.0
    if not 0 <= rate <= 1:
        raise _wrong(settings, "rate", "spikes per step from 0 to 1")
    return rate


def _whole(settings: Mapping[str, str], name: str, least: int) -> int:
    text = settings.get(name)
    if text is None:
        return 0
    if not text.isdecimal() or int(text) < least:
        raise _wrong(settings, name, f"a whole number of at least {least}")
    return int(text)


def _wrong(settings: Mapping[str, str], name: str, expected: str) -> InputError:
    text = settings[name]
    place = f"--set workload.{name}={text}"
    return InputError(Problem(f"expected {expected}, got {text}", place, path=f"workload.{name}"))
