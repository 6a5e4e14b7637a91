"""The digest that what people say is bound to: of what is promoted, and of nothing else."""

import hashlib
from collections.abc import Iterable


def content_digest(changes: Iterable[tuple[str, str | None, str]]) -> str:
    """Return the digest of promoted changes, each a path, a key and the source's value token.

    The same over every rebuild and on every machine, in whatever order the changes
    come: no commit and nothing of the target goes in. 64 hexadecimal digits.
    """
    # No key is not the empty key.
    places = ((path, "" if key is None else "=" + key, token) for path, key, token in changes)
    digest = hashlib.sha256()
    for place in sorted(places):
        for part in place:
            # Paths that are not UTF-8 are surrogate-escaped.
            data = part.encode(errors="surrogatepass")
            # The length in front keeps `a` + `bc` apart from `ab` + `c`.
            digest.update(b"%d:" % len(data) + data)
    return digest.hexdigest()
