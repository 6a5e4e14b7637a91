"""Say of a text on a forge whether it is the one we wrote for some purpose.

A marker is an HTML comment at the end of the body, which no forge shows. It proves
nothing by itself: anybody may copy it, so who wrote the text is judged first.
"""

from urllib.parse import quote


def marked(body: str, marker: str) -> str:
    """Return a body that carries a marker."""
    return f"{body.rstrip()}\n\n{_comment(marker)}"


def carries(body: str, marker: str) -> bool:
    """Say whether a body ends in a marker; browsers send other line ends, which do not matter."""
    return body.rstrip().endswith(_comment(marker))


def unmarked(body: str, marker: str) -> str:
    """Return a body without its marker."""
    return body.rstrip().removesuffix(_comment(marker)).rstrip()


def _comment(marker: str) -> str:
    # Quoted, as branch names may hold what would end the comment: `--` or `>`.
    return f"<!-- lockstep: {quote(marker, safe='/ :@').replace('--', '%2D%2D')} -->"
