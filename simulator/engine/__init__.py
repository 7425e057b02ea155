"""The only mutable world: live units, and the loop that runs commands on them."""
