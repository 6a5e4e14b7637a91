"""The promotion engine: git objects in, values, drift and candidate out."""
