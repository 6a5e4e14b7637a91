"""Lets pytest explain the contract's assertions, which stand in no test file."""

import pytest

pytest.register_assert_rewrite(
    "tests.forges.contract", "tests.forges.contract_looks", "tests.forges.contract_pulls"
)
