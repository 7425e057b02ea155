"""Design sweeps: many points of a chip, a workload and a mapping, searched, simulated, kept and compared."""
