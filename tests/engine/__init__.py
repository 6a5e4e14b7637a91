"""Tests of the engine: on real git, and of its pure parts."""
