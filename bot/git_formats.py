"""What git prints and keeps, as bytes: its log, loose objects, packs. No process is run."""

import os
import struct
import threading
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from bot.engine.objects import LoggedCommit
from bot.engine.trees import NewObjects, text_path
from bot.model import Entry

_PACK_KINDS = {"commit": 1, "tree": 2, "blob": 3}


def parse_log(output: bytes, wanted: frozenset[str] | None) -> dict[str, LoggedCommit]:
    """Return what `git log -z --raw --format='%H %P'` printed; of `wanted` paths, None for all."""
    commits: dict[str, LoggedCommit] = {}
    touched: dict[str, tuple[Entry | None, Entry | None]] = {}
    parts = iter(output.split(b"\0"))
    for part in parts:
        if part.startswith((b":", b"\n:")):
            path = text_path(next(parts))
            if wanted is None or path in wanted:
                before, after, old, new, _ = part.lstrip(b"\n:").decode().split(" ")
                touched[path] = (_logged_entry(before, old), _logged_entry(after, new))
        elif part.strip():
            sha, *parents = part.decode().split()
            touched = {}
            commits[sha] = LoggedCommit(sha, tuple(parents), touched)
    return commits


def _logged_entry(mode: str, oid: str) -> Entry | None:
    return None if mode == "000000" else Entry(mode, oid)


def commit_of_blobs(new: NewObjects, blobs: Sequence[str], *parents: str) -> str:
    """Return a commit whose files are named by number: no path's attributes apply."""
    entries = sorted((str(index).encode(), bytes.fromhex(oid)) for index, oid in enumerate(blobs))
    tree = new.add("tree", b"".join(b"100644 %s\0%s" % entry for entry in entries))
    lines = [f"tree {tree}", *(f"parent {parent}" for parent in parents)]
    who = "Lockstep <lockstep@localhost> 0 +0000"
    lines += [f"author {who}", f"committer {who}", "", ""]
    return new.add("commit", "\n".join(lines).encode())


def packed(objects: Mapping[str, tuple[str, bytes]], new: NewObjects) -> bytes:
    """Return objects as one pack, in git's format, version 2."""
    parts = [b"PACK", struct.pack(">II", 2, len(objects))]
    for kind, content in objects.values():
        # Seven bits of the size to a byte, but four in the first, which has the kind.
        size, low = divmod(len(content), 16)
        head = bytearray([_PACK_KINDS[kind] << 4 | low])
        while size:
            head[-1] |= 0x80
            size, low = divmod(size, 128)
            head.append(low)
        parts += [bytes(head), zlib.compress(content, level=1)]
    return b"".join([*parts, new.digest(b"".join(parts))])


def write_loose(directory: Path, objects: Mapping[str, tuple[str, bytes]]) -> None:
    """Write objects as git's loose ones: each appears whole or not at all."""
    for oid, (kind, content) in objects.items():
        path = directory / oid[:2] / oid[2:]
        if path.exists():
            continue
        path.parent.mkdir(exist_ok=True)
        deflated = zlib.compress(f"{kind} {len(content)}\0".encode() + content, level=1)
        temporary = path.with_name(f"tmp_obj_{oid[2:12]}_{os.getpid()}_{threading.get_ident()}")
        try:
            temporary.write_bytes(deflated)
            temporary.chmod(0o444)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
