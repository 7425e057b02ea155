"""Workloads of pattern matching: vectors to learn and to recognize, as a graph of operators on prototypes."""
