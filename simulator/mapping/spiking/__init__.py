"""Spiking networks on spiking chips: neurons to cores, cores to tiles, spikes to commands."""
