"""Networks of rectified units as spiking ones: rates of integrate-and-fire neurons stand for activations."""
