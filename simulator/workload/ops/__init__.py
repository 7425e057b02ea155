"""One file per operator family; importing one enters its operators into ``simulator.workload.op.OPS``."""
