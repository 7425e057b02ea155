"""One file per operator family; importing a module enters its operators into ``simulator.workload.op.OPS``."""
