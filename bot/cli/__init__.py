"""The command line; composes the rest, imported by nobody."""
