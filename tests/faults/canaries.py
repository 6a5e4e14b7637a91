"""Where a secret went that nobody but its owner may have: files, answers, pages, histories."""

import base64
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote


def spellings(secret: str) -> Iterator[bytes]:
    """Yield a secret as it would stand in a URL, in a header, in a file."""
    yield secret.encode()
    yield quote(secret, safe="").encode()
    for user in ("x-access-token", "oauth2", ""):
        whole = f"{user}:{secret}".encode()
        # What stands before it in the same text shifts base64 by up to two bytes.
        for shift in range(3):
            yield base64.b64encode(b" " * shift + whole)[4:-4]


def leaks(secret: str, directory: Path, *texts: str) -> list[str]:
    """Return where a secret is written below a directory, and which of the texts hold it."""
    needles = set(spellings(secret))
    files = [path for path in directory.rglob("*") if path.is_file() and not path.is_symlink()]
    found = [str(path) for path in files if any(n in path.read_bytes() for n in needles)]
    return found + [text[:200] for text in texts if any(n in text.encode() for n in needles)]
