"""Policies applied to git, and what can be known of them beforehand."""
