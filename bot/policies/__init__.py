"""Policies applied to what git has: the engine's changes and files, judged by the decisions."""
