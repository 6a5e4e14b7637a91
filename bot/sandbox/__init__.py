"""A local stand-in for a forge: a development tool, bound to loopback only."""
