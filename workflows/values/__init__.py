"""What crosses Temporal: references, digests and what people said; never content.

Small and forgiving when read back: an unknown field is skipped, a missing one has its
default, so that a worker of another release can go on with what this one left.
"""
