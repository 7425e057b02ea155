"""Spiking networks on spiking chips: times of steps, counts, and the Result."""
