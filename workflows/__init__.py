"""Durable workflows on Temporal: deterministic and thin."""
