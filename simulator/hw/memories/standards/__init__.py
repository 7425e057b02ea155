"""DRAM standards, one table each."""
