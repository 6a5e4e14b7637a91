"""Tests of the forges: one contract, and what each forge alone must keep."""
