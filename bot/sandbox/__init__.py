"""A local stand-in for a forge: real git, real merges, signed webhooks; a development tool."""
