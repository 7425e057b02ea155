"""Values of memories that compute: whose arithmetic, its meaning in numpy, the same over compiled kernels."""
