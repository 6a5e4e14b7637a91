"""What the documentation shows is true: every example is read, every key and setting is there."""

import re
from pathlib import Path

import pytest

from config.patterns import key_pattern, path_pattern
from config.settings import Settings, variable
from tests.config.reading import PRODUCTION, errors
from tests.config.test_json_schema import SCHEMA, properties

DOCS = Path(__file__).parents[2] / "docs"
CONFIGURATION = (DOCS / "configuration.md").read_text()
BLOCKS = re.findall(r"```yaml\n(.*?)```", CONFIGURATION, re.DOTALL)


@pytest.mark.parametrize("block", [block for block in BLOCKS if not block.startswith("#")])
def test_every_example_in_the_text_is_read_without_an_error(block: str) -> None:
    version, environments = PRODUCTION.split("\n", 1)
    text = block if "version:" in block else f"{version}\n{block}"
    text = text if "environments:" in text else text + environments
    text = text if "roles:" in text else text + "roles: {qa: [alice]}\n"

    assert errors(text) == []


def test_every_key_is_documented() -> None:
    missing = [name for name, _ in properties(SCHEMA) if f"`{name}`" not in CONFIGURATION]

    assert missing == []


def rows(heading: str) -> list[tuple[str, list[str], list[str]]]:
    """The patterns of a table, with the places it says are selected and are not."""
    section = CONFIGURATION.split(f"## {heading}")[1].split("\n## ")[0]
    table = section.split("| pattern | selects | and not |\n|---|---|---|\n")[1].split("\n\n")[0]
    cells = [
        [re.findall(r"`([^`]+)`", cell) for cell in row.split(" | ")] for row in table.splitlines()
    ]
    return [(pattern[0], selected, others) for pattern, selected, others in cells]


@pytest.mark.parametrize(("pattern", "selected", "others"), rows("Path patterns"))
def test_path_patterns_select_what_the_table_says(
    pattern: str, selected: list[str], others: list[str]
) -> None:
    places = selected + others

    assert [path for path in places if path_pattern(pattern).fullmatch(path)] == selected


@pytest.mark.parametrize(("pattern", "selected", "others"), rows("Key paths and key patterns"))
def test_key_patterns_select_what_the_table_says(
    pattern: str, selected: list[str], others: list[str]
) -> None:
    selected = ["hosts.*" if place == "*" else place for place in selected]

    assert [key for key in selected + others if key_pattern(pattern).fullmatch(key)] == selected


def test_every_setting_is_documented() -> None:
    text = (DOCS / "settings.md").read_text()
    names = {variable(field) for field in Settings.model_fields}
    names = names - {"LOCKSTEP_GITHUB_PRIVATE_KEY"} | {"LOCKSTEP_GITHUB_PRIVATE_KEY_FILE"}

    assert {
        name for name in names if f"| `{name}`" not in text and f", `{name}`" not in text
    } == set()
