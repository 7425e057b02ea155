"""Runs: one simulation, experiments, and the command line."""
