"""Numba functions on scalars and arrays; the only floor that compiles."""
