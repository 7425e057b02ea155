"""The CUBA network in Brian2 (PyPI package ``brian2``, CeCILL-2.1), target numpy, run by its own Python.

Arguments: an .npz file with ``pre``, ``post``, ``v0`` and the constants, and a file for the raster. Prints
the CPU seconds of the run as JSON; importing, building and generating code at the first step are not counted.
"""

from __future__ import annotations

import json
import sys
import time

import numpy as np


def main() -> None:
    import brian2
    from brian2 import ms, mV

    given = np.load(sys.argv[1])
    brian2.prefs.codegen.target = "numpy"
    brian2.defaultclock.dt = float(given["dt_ms"]) * ms
    names = {name: float(given[name]) for name in ("taum", "taue", "taui", "Vt", "Vr", "El")}
    space = {name: value * (ms if name.startswith("tau") else mV) for name, value in names.items()}
    cells = brian2.NeuronGroup(
        len(given["v0"]),
        """dv/dt = (ge + gi - (v - El)) / taum : volt (unless refractory)
        dge/dt = -ge / taue : volt
        dgi/dt = -gi / taui : volt""",
        threshold="v > Vt",
        reset="v = Vr",
        refractory=(int(given["refr_steps"]) + 1)
        * float(given["dt_ms"])
        * ms,  # it integrates at the last one
        method="euler",
        namespace=space,
    )
    cells.v = given["v0"] * mV
    exciting = given["pre"] < int(given["ne"])
    parts = [cells]
    for on, variable, weight in ((exciting, "ge", given["we"]), (~exciting, "gi", given["wi"])):
        synapses = brian2.Synapses(
            cells, cells, on_pre=f"{variable} += w", namespace={"w": float(weight) * mV}
        )
        synapses.connect(i=given["pre"][on], j=given["post"][on])
        parts.append(synapses)
    monitor = brian2.SpikeMonitor(cells)
    network = brian2.Network(*parts, monitor)
    network.store()
    network.run(float(given["dt_ms"]) * ms)  # code is generated at the first step
    network.restore()
    started = time.process_time()
    network.run(int(given["steps"]) * float(given["dt_ms"]) * ms)
    seconds = time.process_time() - started
    steps = np.rint(np.asarray(monitor.t / ms) / float(given["dt_ms"])).astype(np.int64)
    np.savez(sys.argv[2], steps=steps, neurons=np.asarray(monitor.i))
    print(json.dumps({"cpu_s": seconds}))


if __name__ == "__main__":
    main()
