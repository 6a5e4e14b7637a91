"""The conditions of a rule: all that are given must hold, and doubt counts as holding."""

from datetime import UTC, datetime
from typing import Any

import pytest

from bot.decisions.conditions import UNKNOWN, Met, Subject, met
from bot.model import ABSENT, Change, State
from config.rules import When
from tests.decisions.test_policy import APP, PCI, changed

LOGO = Change("payments/logo.png", None, State.PENDING, ABSENT, ABSENT)
BROKEN = Change("payments/card.yaml", "", State.PENDING, UNKNOWN, UNKNOWN)


def holds(when: dict[str, Any], *changes: Change, **known: Any) -> bool:
    return found(when, *changes, **known) is not None


def found(when: dict[str, Any], *changes: Change, **known: Any) -> Met | None:
    return met(When.model_validate(when), Subject("production", changes, **known))


@pytest.mark.parametrize(
    ("when", "changes", "matches"),
    [
        ({"paths": ["payments/**"]}, [PCI], True),
        ({"paths": ["payments/**"]}, [APP], False),
        ({"paths": ["docs/**", "configs/*.yaml"]}, [APP], True),
        ({"paths": ["payments/**"]}, [LOGO], True),
        ({"paths": ["**"]}, [], False),
        ({"keys": ["**.pci_dss"]}, [APP, PCI], True),
        ({"keys": ["**.pci_dss"]}, [APP], False),
        ({"keys": ["limits", "database"]}, [APP], True),
        # Both, and at one place: the path of one file and the key of another do not add up.
        ({"paths": ["payments/**"], "keys": ["**.pci_dss"]}, [PCI], True),
        ({"paths": ["payments/**"], "keys": ["database.*"]}, [APP, PCI], False),
        ({"paths": ["configs/**"], "keys": ["**.pci_dss"]}, [APP, PCI], False),
        # A whole file has no key; the document itself is at every one of its keys.
        ({"keys": ["**.pci_dss"]}, [LOGO], False),
        ({"keys": ["**.pci_dss"]}, [BROKEN], True),
        ({"paths": ["docs/**"], "keys": ["**.pci_dss"]}, [BROKEN], False),
        ({"environments": ["production"]}, [APP], True),
        ({"environments": ["staging"]}, [APP], False),
    ],
)
def test_one_changed_place_is_in_the_files_and_at_the_keys(
    when: dict[str, Any],
    changes: list[Change],
    matches: bool,  # noqa: FBT001 - a table gives it
) -> None:
    assert holds(when, *changes) == matches


@pytest.mark.parametrize(
    ("when", "old", "new", "matches"),
    [
        ({"new": {"equals": True}}, False, True, True),
        ({"new": {"equals": True}}, 0, 1, False),
        ({"new": {"equals": "1"}}, 0, 1, False),
        ({"new": {"equals": 1}}, 0, 1.0, True),
        ({"old": {"equals": "eu"}}, "eu", "us", True),
        ({"old": {"equals": "eu"}, "new": {"equals": "eu"}}, "eu", "us", False),
        ({"new": {"in": ["eu", "us"]}}, "ap", "us", True),
        ({"new": {"in": ["eu", "us"]}}, "eu", "ap", False),
        ({"new": {"pattern": "arn:aws:*"}}, "", "arn:aws:iam", True),
        ({"new": {"pattern": "*.example.com"}}, "", "example.com", False),
        ({"new": {"pattern": "a*b*c"}}, "", "axxbyyc", True),
        ({"new": {"greater": 10}}, 1, 11, True),
        ({"new": {"greater": 10}}, 1, 10, False),
        ({"new": {"greater": 10, "less": 20}}, 1, 25, False),
        ({"new": {"greater": 100000000}}, "1Mi", "512Mi", True),
        ({"new": {"greater": 1}}, "1", "500m", False),
        # No number at all: nobody knows how great it is.
        ({"new": {"greater": 10}}, 1, "lots", True),
        ({"new": {"greater": 10}}, 1, None, False),
        ({"new": {"equals": "sox"}}, [], ["gdpr", "sox"], True),
        ({"new": {"equals": "hipaa"}}, [], ["gdpr", "sox"], False),
        ({"changed_by": "20%"}, 10, 12, True),
        ({"changed_by": "20%"}, 10, 8, True),
        ({"changed_by": "20%"}, 10, 11, False),
        ({"changed_by": "20%"}, 0, 1, True),
        ({"changed_by": "20%"}, "100ms", "110ms", False),
        ({"changed_by": "20%"}, "100ms", "1s", True),
        ({"changed_by": "20%"}, 10, "many", True),
        ({"changed_by": "20%"}, None, 1, True),
        ({"changed_by": 5}, 10, 14, False),
        ({"changed_by": 5}, 10, 5, True),
        ({"change": ["added"]}, None, 1, True),
        ({"change": ["added"]}, 1, 2, False),
        ({"change": ["removed"]}, 1, None, True),
        ({"change": ["changed", "removed"]}, None, 1, False),
    ],
)
def test_a_value_is_asked_about_where_it_changes(
    when: dict[str, Any],
    old: Any,
    new: Any,
    matches: bool,  # noqa: FBT001 - a table gives it
) -> None:
    assert holds(when, changed("a.yaml", "key", old, new)) == matches


def test_a_value_is_asked_about_at_the_place_that_the_rule_is_about() -> None:
    when = {"keys": ["**.replicas"], "new": {"greater": 10}}

    assert holds(when, changed("a.yaml", "web.replicas", 1, 11))
    assert not holds(
        when, changed("a.yaml", "web.replicas", 1, 2), changed("a.yaml", "web.limit", 1, 11)
    )


def test_of_a_file_that_does_not_parse_every_value_may_be_meant() -> None:
    assert holds({"keys": ["**.replicas"], "new": {"greater": 10}}, BROKEN)
    assert not holds({"keys": ["**.replicas"], "new": {"greater": 10}}, LOGO)


def test_the_size_of_a_change_is_counted_in_keys_and_in_files() -> None:
    changes = [APP, PCI, changed("payments/card.yaml", "name"), LOGO]

    assert holds({"size": {"keys": 4}}, *changes)
    assert not holds({"size": {"keys": 5}}, *changes)
    assert holds({"size": {"files": 3}}, *changes)
    assert not holds({"size": {"files": 4, "keys": 1}}, *changes)


PEOPLE = {"acme/new": frozenset({"Nina"}), "owners": frozenset({"olga"})}


@pytest.mark.parametrize(
    ("when", "authors", "matches"),
    [
        ({"authors": ["Ann"]}, {"ann", "bob"}, True),
        ({"authors": ["ann"]}, {"bob"}, False),
        ({"authors": ["@acme/new"]}, {"nina"}, True),
        ({"authors": ["@acme/new"]}, {"olga"}, False),
        ({"authors": ["owners"]}, {"Olga"}, True),
        ({"authors_outside": ["owners"]}, {"olga"}, False),
        ({"authors_outside": ["owners", "ann"]}, {"olga", "ann"}, False),
        ({"authors_outside": ["owners"]}, {"olga", "bob"}, True),
        ({"authors": ["ann"], "authors_outside": ["ann"]}, {"ann", "bob"}, True),
        ({"authors": ["ann"], "authors_outside": ["ann"]}, {"ann"}, False),
    ],
)
def test_authors_are_users_teams_and_roles(
    when: dict[str, Any],
    authors: set[str],
    matches: bool,  # noqa: FBT001 - a table gives it
) -> None:
    assert holds(when, APP, authors=frozenset(authors), people=PEOPLE) == matches


@pytest.mark.parametrize(
    ("known", "why"),
    [
        ({}, "who wrote it is not known"),
        ({"authors": frozenset({"x@example.com"})}, "the forge does not know who x@example.com is"),
        (
            {"authors": frozenset({"bob"}), "people": {"acme/new": None}},
            "who is in @acme/new is not known",
        ),
    ],
)
def test_an_author_who_cannot_be_told_counts_and_that_is_said(
    known: dict[str, Any], why: str
) -> None:
    result = found({"authors": ["ann", "@acme/new"]}, APP, **({"people": PEOPLE} | known))

    assert result is not None
    assert result.unsure == why


def test_labels_are_those_of_any_pull_request_and_unknown_ones_count() -> None:
    when = {"labels": ["risk/*"]}

    assert holds(when, APP, labels=frozenset({"risk/high", "docs"}))
    assert not holds(when, APP, labels=frozenset({"docs"}))
    assert holds(when, APP, labels=None)


def test_times_are_windows_and_without_a_time_they_count() -> None:
    when = {"times": ["Fri 15:00-24:00 Europe/Berlin"]}

    assert holds(when, APP, now=datetime(2026, 6, 5, 13, tzinfo=UTC))
    assert not holds(when, APP, now=datetime(2026, 6, 5, 12, 59, tzinfo=UTC))
    assert holds(when, APP, now=None)


def test_all_that_is_given_must_hold() -> None:
    when = {"paths": ["payments/**"], "labels": ["urgent"], "size": {"keys": 1}}

    assert holds(when, PCI, labels=frozenset({"urgent"}))
    assert not holds(when, APP, labels=frozenset({"urgent"}))
    assert not holds(when, PCI, labels=frozenset())
