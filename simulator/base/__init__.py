"""Floor 0: errors, units, YAML with places, specs, registries, clocks and files; knows nothing of chips."""
