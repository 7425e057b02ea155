"""How fast DRAM alone is: a trace's text to its cycles, as ``chipsim memory`` does it. ``make bench``.

CPU time of this process, median of five after one warm-up; compilation of kernels is not counted (they are
cached). Reading the text and decoding addresses is counted. Peak memory is that of processes of their own.
"""

from __future__ import annotations

import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from simulator.experiment.memorysetup import choose
from simulator.hw.dramtrace import Served, Setup, serve_trace
from simulator.hw.tracefile import read_trace

DEVICES = {"DDR4-3200": ("ddr4", "DDR4_3200AA"), "HBM2 2 Gb/s": ("hbm2", "HBM2_2000Mbps")}
#: Requests per CPU second that are to be reached.
GOALS = {"sequential": 1.5e6, "random": 0.6e6}
REQUESTS, TIMES = 1_000_000, 5


def write_trace(path: Path, kind: str, setup: Setup, requests: int) -> None:
    """Reads of one access each, addresses in hexadecimal."""
    access = setup.device.access_bytes
    places = setup.capacity_bytes // access
    i = np.arange(requests) % places
    if kind == "random":
        i = np.random.default_rng(1).integers(places, size=requests)
    path.write_text("".join(f"R 0x{address:x}\n" for address in (i * access).tolist()))


def serve(path: Path, setup: Setup) -> Served:
    return serve_trace(setup, read_trace(str(path), setup))


def speed(path: Path, name: str, kind: str, setup: Setup) -> None:
    write_trace(path, kind, setup, REQUESTS)
    read_s, all_s, served = [], [], serve(path, setup)
    for _ in range(TIMES):
        started = time.process_time()
        trace = read_trace(str(path), setup)
        read_s.append(time.process_time() - started)
        serve_trace(setup, trace)
        all_s.append(time.process_time() - started)
    rate = REQUESTS / statistics.median(all_s) / 1e6
    text = REQUESTS / statistics.median(read_s) / 1e6
    print(
        f"  {name:<12} {kind:<11} {rate:5.2f} M requests/s (goal {GOALS[kind] / 1e6:g}), "
        f"the text {text:4.1f} M/s; "
        f"{served.cycles} cycles, {served.row_hits / REQUESTS:.1%} row hits"
    )


def memory(path: Path, setup: Setup) -> None:
    """Beyond a trace of one request, which is the interpreter and the kernels."""
    peaks: dict[int, float] = {}
    for requests in (1, REQUESTS, 4 * REQUESTS):
        write_trace(path, "random", setup, requests)
        command = [sys.executable, __file__, str(path)]
        ran = subprocess.run(command, check=True, capture_output=True, text=True)
        peaks[requests] = float(ran.stdout)
        own = (peaks[requests] - peaks[1]) * 2**20 / requests
        each = f", {own:.1f} B per request; of the trace 8 B" if requests > 1 else ""
        print(f"  {requests:>9} request{'s' if requests > 1 else ' '} {peaks[requests]:7.1f} MiB{each}")


def main() -> None:
    if len(sys.argv) > 1:  # the process whose memory is measured
        serve(Path(sys.argv[1]), choose("ddr4", preset="DDR4_3200AA"))
        status = Path("/proc/self/status").read_text()  # getrusage has the peak of whoever started this, too
        print(int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) / 1024)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trace.txt"
        print(f"DRAM alone, {REQUESTS} reads of a text trace; one channel, frfcfs, RoBaRaCoCh")
        for name, (standard, preset) in DEVICES.items():
            for kind in GOALS:
                speed(path, name, kind, choose(standard, preset=preset))
        print("Peak memory, random reads, DDR4-3200")
        memory(path, choose("ddr4", preset="DDR4_3200AA"))


if __name__ == "__main__":
    main()
