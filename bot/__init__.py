"""Lockstep: drift and promotion between environment branches, value by value."""
