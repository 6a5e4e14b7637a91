"""Read the people whom a commit's message names beside its author."""

import re
from collections.abc import Sequence

NOBODY_KNOWN = "(unknown)"
"""Stands for an author without even an address, as unknown is not nobody."""

# Anywhere in the message: squashing puts trailers in its middle.
_CO_AUTHOR = re.compile(r"^co-authored-by:[^<\n]*<([^>\n]+)>", re.IGNORECASE | re.MULTILINE)


def co_authors(message: str) -> Sequence[str]:
    """Return the addresses of a message's co-authors."""
    return [address.strip() for address in _CO_AUTHOR.findall(message)]
