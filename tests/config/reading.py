"""Text to read, and what is said about it."""

from pathlib import Path

from config.load import ConfigError, ConfigErrors, load

# Lines 1 to 6; what a test adds belongs to production, or begins a key of its own.
PRODUCTION = """\
version: 1
environments:
  - name: development
    branch: development
  - name: production
    branch: main
"""


def found(text: str) -> tuple[ConfigError, ...]:
    """Everything that is wrong with `text`."""
    try:
        load(text)
    except ConfigErrors as errors:
        return errors.errors
    return ()


def errors(text: str) -> list[str]:
    """Everything that is wrong with `text`, as it is printed."""
    return [str(error) for error in found(text)]


def wrong() -> list[tuple[str, list[str]]]:
    """What `wrong.txt` adds to the file, and what is said about each."""
    cases = []
    for paragraph in Path(__file__).with_name("wrong.txt").read_text().split("\n\n"):
        lines = paragraph.splitlines()
        said = [line[2:] for line in lines if line.startswith("> ")]
        if said:
            added = "".join(f"{line}\n" for line in lines if not line.startswith("> "))
            cases.append((added, said))
    return cases
