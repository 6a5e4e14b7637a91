"""Each parser of what strangers write is searched for a moment; `make fuzz` takes longer."""

import pytest

from tests.fuzz.__main__ import search
from tests.fuzz.targets import TARGETS

pytest.importorskip("atheris")


@pytest.mark.parametrize("name", TARGETS)
def test_a_short_search_finds_nothing(name: str) -> None:
    assert search(name, 2)
