"""One layer in SCALE-Sim (PyPI package ``scalesim``, MIT), run by its own Python: cycles and CPU s as JSON.

Its command line is its only stable interface, so a configuration and a topology file are written and its
report is read. Loading the package is not counted; simulating is.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import sys
import tempfile
import time
from pathlib import Path

CONFIG = """[general]
run_name = bench
[architecture_presets]
ArrayHeight = {rows}
ArrayWidth = {cols}
IfmapSramSzkB = 1024
FilterSramSzkB = 1024
OfmapSramSzkB = 1024
IfmapOffset = 0
FilterOffset = 10000000
OfmapOffset = 20000000
Dataflow = {dataflow}
Bandwidth = 1000
ReadRequestBuffer = 512
WriteRequestBuffer = 512
[layout]
IfmapCustomLayout = False
FilterCustomLayout = False
IfmapSRAMBankBandwidth = 10
IfmapSRAMBankNum = 10
IfmapSRAMBankPort = 2
FilterSRAMBankBandwidth = 10
FilterSRAMBankNum = 10
FilterSRAMBankPort = 2
[sparsity]
SparsitySupport = false
SparseRep = ellpack_block
OptimizedMapping = false
BlockSize = 8
RandomNumberGeneratorSeed = 40
[run_presets]
InterfaceBandwidth = CALC
UseRamulatorTrace = False
"""


def main() -> None:
    """Arguments: M N K rows cols dataflow."""
    m, n, k, rows, cols = map(int, sys.argv[1:6])
    from scalesim.scale_sim import scalesim

    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        (here / "bench.cfg").write_text(CONFIG.format(rows=rows, cols=cols, dataflow=sys.argv[6]))
        (here / "gemm.csv").write_text(f"Layer, M, N, K,\ngemm, {m}, {n}, {k},\n")
        (here / "layout.csv").write_text(LAYOUT)
        started = time.process_time()
        with contextlib.redirect_stdout(io.StringIO()):
            peer = scalesim(
                save_disk_space=True,
                verbose=False,
                config=str(here / "bench.cfg"),
                topology=str(here / "gemm.csv"),
                layout=str(here / "layout.csv"),
                input_type_gemm=True,
            )
            peer.run_scale(top_path=str(here))
        seconds = time.process_time() - started
        report = next(here.rglob("COMPUTE_REPORT.csv"))
        row = next(csv.DictReader(report.open(), skipinitialspace=True))
    cycles = int(float({key.strip(): value for key, value in row.items()}["Total Cycles"]))
    print(json.dumps({"cycles": cycles, "cpu_s": seconds}))


#: One line per layer: how operands are blocked in the SRAM banks; 1 everywhere means plain.
LAYOUT = (
    "Layer name, IFMAP Height Intraline Factor, IFMAP Width Intraline Factor, "
    "Filter Height Intraline Factor, Filter Width Intraline Factor, Channel Intraline Factor, "
    "Num Filter Intraline Factor, "
    "IFMAP Height Intraline Order, IFMAP Width Intraline Order, Channel Intraline Order, "
    "IFMAP Height Interline Order, IFMAP Width Interline Order, Channel Interline Order, "
    "Num Filter Intraline Order, Channel Intraline Order, Filter Height Intraline Order, "
    "Filter Width Intraline Order, Num Filter Interline Order, Channel Interline Order, "
    "Filter Height Interline Order, Filter Width Interline Order,\n"
    "gemm, 1, 1, 1, 1, 1, 1, 0, 1, 2, 0, 1, 2, 0, 1, 2, 3, 0, 1, 2, 3,\n"
)

if __name__ == "__main__":
    main()
