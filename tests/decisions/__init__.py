"""Decisions: tables of facts, and what must follow."""
