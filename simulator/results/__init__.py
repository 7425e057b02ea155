"""What a run measured: counts, energies, metrics."""
