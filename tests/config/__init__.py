"""Configuration: what a file means, and every sentence about what is wrong with it."""
