"""What single neurons do, by hand; inputs, windows, groups and traces."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from spiking_cases import arrays, load

from simulator.base.errors import InputError
from simulator.workload.execute import execute as execute_graph
from simulator.workload.spiking import window
from simulator.workload.spiking.drive import poisson
from simulator.workload.spiking.execute import execute_spikes

#: Neuron 0 drives neuron 1 over one synapse; neuron 1 is looked at.
PAIR: dict[str, Any] = {"N": 2, "pre": [0], "post": [1], "w": [1], "delay": [1], "steps": 8}


@pytest.fixture(params=["compiled", "readable"])
def execute(request):
    def run(network, inputs=None, **options):
        return execute_spikes(network, inputs, readable=request.param == "readable", **options)

    return run


def spikes_of_first(*steps: int, total: int = 8) -> dict[str, np.ndarray]:
    """Neuron 0 is made to spike in these steps."""
    forced = np.zeros((total, 2), bool)
    forced[list(steps), 0] = True
    return {"spikes": forced}


def test_integer_current_and_potential(tmp_path, execute):
    """w << wexp = 100·8; u loses a half, v a quarter; magnitudes are cut off, so -1 of -1·3/4 is left as 0.

    u: 800 at step 3, then 400, 200, 100, 50. v: 800, 600 + 400 = 1000, 750 + 200 = 950, 712 + 100 = 812,
    609 + 50 = 659.
    """
    made = PAIR | {
        "w": [100],
        "wexp": 3,
        "delay": [2],
        "du": 2048,
        "dv": 1024,
        "vth_mant": 1000,
        "model": "cuba_int",
    }
    ran = execute(load(made, tmp_path), spikes_of_first(1), traced=[1])
    assert ran.traces["u"].ravel().tolist() == [0, 0, 0, 800, 400, 200, 100, 50]
    assert ran.traces["v"].ravel().tolist() == [0, 0, 0, 800, 1000, 950, 812, 659]
    assert ran.spike_neurons.tolist() == [0]


def test_decay_cuts_magnitudes_off(tmp_path, execute):
    """-3·3/4 = -2.25 becomes -2, -2·3/4 = -1.5 becomes -1, then 0: towards 0, not towards minus infinity."""
    made = PAIR | {"w": [-3], "wexp": 0, "du": 4096, "dv": 1024, "vth_mant": 1000, "model": "cuba_int"}
    ran = execute(load(made, tmp_path), spikes_of_first(0), traced=[1])
    assert ran.traces["v"].ravel().tolist() == [0, -3, -2, -1, 0, 0, 0, 0]


def test_reset_refractory_and_bias(tmp_path, execute):
    """Bias 64·10 a step against a threshold of 64·15: every second step, and two steps of rest."""
    made = PAIR | {
        "bias": [0, 10],
        "du": 0,
        "dv": 0,
        "vth_mant": 15,
        "refr": 2,
        "reset": 7,
        "model": "cuba_int",
    }
    ran = execute(load(made, tmp_path), traced=[1])
    assert ran.traces["v"].ravel().tolist() == [640, 7, 7, 7, 647, 7, 7, 7]
    assert ran.spike_steps.tolist() == [1, 5]
    assert ran.state.rest.tolist() == [0, 0]


def test_soft_reset_keeps_what_is_above(tmp_path, execute):
    made = PAIR | {"bias": [0, 10], "du": 0, "dv": 0, "vth_mant": 15, "soft": 1, "model": "cuba_int"}
    ran = execute(load(made, tmp_path), traced=[1])
    assert ran.traces["v"].ravel().tolist() == [640, 320, 960, 640, 320, 960, 640, 320]
    assert ran.spike_steps.tolist() == [1, 3, 4, 6, 7], "960 is the threshold, not above it"


def test_loihi_wraps_the_current_and_holds_the_potential(tmp_path, execute):
    """-255·2^15 = -8 355 840 twice is -16 711 680, which 24 bits hold as 65 536; v stops at 1 - 2^23."""
    made = PAIR | {
        "w": [-255],
        "wexp": 15,
        "du": 0,
        "dv": 0,
        "vth": 2**17 - 1,
        "model": "loihi",
    }
    ran = execute(load(made, tmp_path), spikes_of_first(0, 2), traced=[1])
    assert ran.traces["u"].ravel().tolist() == [0, -8355840, -8355840, *[65536] * 5]
    assert ran.traces["v"].ravel()[:4].tolist() == [0, -8355840, 1 - 2**23, 1 - 2**23 + 65536]


def test_a_decay_as_the_register_has_it(tmp_path, execute):
    """With du = 4095 a 4096th of the current is left, 261120 / 4096 = 63.75; with the offset nothing."""
    made = PAIR | {"w": [255], "wexp": 10, "du": 4095, "dv": 4096, "vth": 100, "model": "loihi"}
    for offset, left in ((0, 63), (1, 0)):
        ran = execute(load(made | {"du_offset": offset}, tmp_path), spikes_of_first(0), traced=[1])
        assert ran.traces["u"].ravel().tolist()[:3] == [0, 255 << 10, left]


def test_sanafe_cuts_to_64ths_and_drops_inputs_at_rest(tmp_path, execute):
    """Input 10 at step 1: i = 10, v = 10 > 9, reset; refractory 3 is two steps of rest, whose input is lost."""
    made = PAIR | {
        "w": [10.0], "threshold": 9.0, "leak": 0.3, "input_decay": 0.5, "refractory": 3, "model": "sanafe_lif",
    }  # fmt: skip
    ran = execute(load(made, tmp_path), spikes_of_first(0, 1), traced=[1])
    assert ran.traces["i"].ravel().tolist() == [0, 10, 5, 2.5, 1.25, 0.625, 0.3125, 0.15625]
    v = [0.0, 0.0, 0.0, 0.0, 1.25]  # at rest in steps 2 and 3, then v = trunc(0.3·v·64)/64 + i
    for i in (0.625, 0.3125, 0.15625):
        v.append(np.trunc(0.3 * v[-1] * 64) / 64 + i)
    assert ran.traces["v"].ravel().tolist() == v
    assert ran.spike_steps.tolist() == [0, 1, 1]


def test_sanafe_counts_down_in_the_step_of_the_spike(tmp_path, execute):
    made = PAIR | {"bias": [0, 2.0], "threshold": 1.0, "model": "sanafe_lif", "leak": 1.0, "input_decay": 0.0}
    periods = {0: 1, 1: 1, 2: 2, 3: 3}
    for refractory, period in periods.items():
        ran = execute(load(made | {"refractory": refractory}, tmp_path))
        assert set(np.diff(ran.spike_steps)) == {period}


def test_euler_currents_decay_after_they_have_acted(tmp_path, execute):
    """dt/taum = 0.1, dt/taue = 0.5, dt/taui = 0.25; a weight of 4 arrives at the end of its spike's step.

    v (rest -49): -60 + 0.1·(0 + 11) = -58.9; then 0.1·(4 + 9.9) more = -57.51; then ge = 2.
    """
    made = PAIR | {
        "w": [4.0], "dt_ms": 1.0, "taum": 10.0, "taue": 2.0, "taui": 4.0, "Vt": -50.0, "Vr": -60.0, "El": -49.0,
        "refr_steps": 0, "v0": [-60.0, -60.0], "model": "cuba_euler",
    }  # fmt: skip
    ran = execute(load(made, tmp_path), spikes_of_first(0), traced=[1])
    assert ran.traces["ge"].ravel()[:4].tolist() == [4, 2, 1, 0.5]
    assert ran.traces["v"].ravel()[:3] == pytest.approx([-58.9, -57.51, -56.459], abs=1e-12)
    ran = execute(load(made | {"w": [-4.0]}, tmp_path), spikes_of_first(0), traced=[1])
    assert ran.traces["gi"].ravel()[:3].tolist() == [-4, -3, -2.25]


def test_euler_is_frozen_at_rest_while_currents_decay(tmp_path, execute):
    made = PAIR | {
        "w": [0.0], "dt_ms": 1.0, "taum": 1.0, "taue": 2.0, "taui": 4.0, "Vt": -50.0, "Vr": -60.0, "El": -49.0,
        "refr_steps": 2, "v0": [-60.0, -60.0], "ge0": [0.0, 8.0], "model": "cuba_euler",
    }  # fmt: skip
    ran = execute(load(made, tmp_path), traced=[1])
    assert ran.spike_steps[ran.spike_neurons == 1].tolist() == [0, 3, 6]
    assert ran.traces["v"].ravel().tolist() == [-60.0] * 8
    assert ran.traces["ge"].ravel()[:3].tolist() == [4, 2, 1]


def test_integrate_and_fire_in_binary_fractions(tmp_path, execute):
    made = PAIR | {"w": [0.25], "threshold": 0.5, "model": "if", "soft": [0, 1]}
    ran = execute(load(made, tmp_path), spikes_of_first(0, 1, 2, 3), traced=[1])
    assert ran.traces["v"].ravel().tolist() == [0, 0.25, 0.5, 0.25, 0.5, 0.5, 0.5, 0.5]
    assert ran.spike_steps[ran.spike_neurons == 1].tolist() == [3]


def test_currents_stay_or_change(tmp_path, execute):
    made = PAIR | {"w": [0.0], "threshold": 100.0, "model": "if"}
    network = load(made, tmp_path)
    stays = execute(network, {"currents": np.array([1.0, 2.0])}, traced=[0, 1])
    assert stays.traces["v"][:, 1].tolist() == [2, 4, 6, 8, 10, 12, 14, 16]
    changes = execute(network, {"currents": np.outer(np.arange(8), [0, 1])}, traced=[0, 1])
    assert changes.traces["v"][:, 1].tolist() == [0, 1, 3, 6, 10, 15, 21, 28]


def test_updated_neurons_are_counted_by_group(tmp_path, execute):
    """Neuron 1 has something to do from its first input on, even if inputs cancel; neuron 0 with its bias."""
    made = PAIR | {
        "pre": [0, 0], "post": [1, 1], "w": [1.0, -1.0], "delay": [2, 2], "threshold": 9.0, "bias": [1.0, 0.0],
        "model": "if",
    }  # fmt: skip
    ran = execute(load(made, tmp_path), spikes_of_first(1), groups=np.array([0, 1]))
    assert ran.updated.tolist() == [[1, 0], [1, 0], [1, 0], [1, 1], [1, 0], [1, 0], [1, 0], [1, 0]]
    left_out = execute(load(made, tmp_path), spikes_of_first(1), groups=np.array([-1, 0]))
    assert left_out.updated.ravel().tolist() == [0, 0, 0, 1, 0, 0, 0, 0]
    assert execute(load(made, tmp_path)).updated.shape == (8, 0)


def test_the_raster_grows_by_windows(tmp_path, monkeypatch, rng):
    """With room for one step's spikes at a time, many small windows give the same as one."""
    network = load(arrays("sanafe_lif", rng), tmp_path)
    whole = execute_spikes(network, poisson(network, 60, 0.3, 1), traced=[0, 5])
    monkeypatch.setattr(window, "ROOM", 1)
    monkeypatch.setattr(window, "PORTION", 100)
    parts = execute_spikes(network, poisson(network, 60, 0.3, 1), traced=[0, 5])
    assert len(whole.spike_steps) > 4 * network.neurons
    assert np.array_equal(whole.spike_steps, parts.spike_steps)
    assert np.array_equal(whole.spike_neurons, parts.spike_neurons)
    assert np.array_equal(whole.traces["v"], parts.traces["v"])
    assert np.array_equal(np.diff(whole.offsets), np.bincount(whole.spike_steps, minlength=60))


def test_a_state_is_not_changed_by_continuing_from_it(tmp_path, execute, rng):
    network = load(arrays("cuba_euler", rng, delays=1), tmp_path)
    first = execute(network, steps=20)
    before = {name: values.copy() for name, values in first.state.variables.items()}
    once, twice = (execute(network, steps=20, state=first.state) for _ in range(2))
    assert np.array_equal(once.spike_steps, twice.spike_steps)
    assert once.first_step == 20
    assert all(np.array_equal(first.state.variables[name], values) for name, values in before.items())


def test_poisson_spikes_are_seeded(tmp_path, rng):
    network = load(arrays("if", rng), tmp_path)
    first, again, other = (poisson(network, 2000, 0.1, seed)["spikes"] for seed in (1, 1, 2))
    assert first.shape == (2000, 40)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    deviation = np.sqrt(0.1 * 0.9 / first.size)
    assert abs(first.mean() - 0.1) < 5 * deviation
    with pytest.raises(InputError, match=r"--rate: expected spikes per step from 0 to 1, got 1\.5"):
        poisson(network, 10, 1.5, 0)


@pytest.mark.parametrize(
    ("inputs", "options", "message"),
    [
        ({"curents": np.zeros(2)}, {}, "expected 'currents' or 'spikes' for all neurons, got 'curents'; did you mean 'currents'?"),
        ({"currents": np.zeros(3)}, {}, r"input 'currents': expected shape [steps, 2] or [2], got [3]"),
        ({"spikes": np.zeros(2)}, {}, r"input 'spikes': expected shape [steps, 2], got [2]"),
        ({"spikes": np.full((3, 2), 2)}, {}, "input 'spikes': expected 0 or 1, got 2"),
        ({"currents": np.array([0, np.nan])}, {}, "input 'currents': expected finite numbers, got nan at [1]"),
        ({"currents": np.array([0.5, 1])}, {}, "input 'currents': expected integers of 32 bits, which the model computes with"),
        ({"currents": np.zeros((0, 2))}, {}, "input 'currents': expected at least one step, got none"),
        ({"spikes": np.zeros((3, 2))}, {"steps": 4}, "expected 4 steps, got 3"),
        ({"spikes": np.zeros((3, 2)), "currents": np.zeros((2, 2))}, {}, "expected as many steps of every input, got 2 and 3"),
        ({}, {"precision": "float16"}, "expected float64 or float32, got 'float16'"),
        ({}, {"traced": [0, 2]}, "expected neurons 0 to 1, got 2"),
        ({}, {"groups": np.zeros(3)}, "expected 2 groups, one per neuron, got shape [3]"),
    ],
)  # fmt: skip
def test_wrong_inputs(tmp_path, inputs, options, message):
    network = load(PAIR | {"du": 0, "dv": 0, "vth_mant": 1, "model": "cuba_int"}, tmp_path)
    with pytest.raises(InputError) as caught:
        execute_spikes(network, inputs, **options)
    assert message in str(caught.value)


def test_a_spiking_network_is_no_graph(tmp_path):
    network = load(PAIR | {"threshold": 1.0, "model": "if"}, tmp_path)
    with pytest.raises(InputError, match="expected a graph; execute_spikes runs spiking networks"):
        execute_graph(network, {}, "onnxruntime")


def test_someone_must_say_how_many_steps(tmp_path):
    made = PAIR | {"threshold": 1.0, "model": "if"}
    del made["steps"]
    network = load(made, tmp_path)
    with pytest.raises(InputError, match="nothing says how many steps"):
        execute_spikes(network)
    assert execute_spikes(network.lasting(3)).steps == 3
