"""What a configuration asks for and nobody can ever give is found, with its place."""

from datetime import UTC, datetime

import pytest

from bot.policies.checked import check, check_organisation
from config.load import load_organisation, read
from config.organisation import Organisation
from config.schema import Config

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
START = """\
version: 1
environments:
  - {name: development, branch: development}
  - name: staging
    branch: staging
  - name: production
    branch: main
"""


def errors(text: str, acme: str = "", *, complete: bool = True) -> list[str]:
    inherited = [load_organisation(acme)] if acme else []
    return [str(e) for e in check(read(text, Config), inherited, NOW, complete=complete).errors]


def remarks(text: str, *, complete: bool = True) -> list[str]:
    return [str(e) for e in check(read(text, Config), [], NOW, complete=complete).remarks]


def production(text: str) -> str:
    return START + "".join(f"    {line}\n" for line in text.splitlines())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (START, []),
        (
            production("gates: {sign_offs: [qa]}") + "roles: {qas: [alice, bob]}\n",
            [
                (
                    "8:25: nobody can sign off for `qa`, since `roles` does not say who it is; "
                    "did you mean `qas`?"
                )
            ],
        ),
        (
            START
            + "rules:\n  - {when: {paths: [a]}, gates: {sign_offs: [a]}}\n"
            + "bundles: {sox: {gates: {sign_offs: [b]}}}\n"
            + "facts:\n  - paths: [a]\n    keys: {x: {values: {1: {gates: {sign_offs: [c]}}}}}\n",
            [
                "9:46: nobody can sign off for `a`, since `roles` does not say who it is",
                "10:37: nobody can sign off for `b`, since `roles` does not say who it is",
                "13:49: nobody can sign off for `c`, since `roles` does not say who it is",
            ],
        ),
        # Windows that have no hour in common.
        (
            production('gates: {windows: ["Mon-Thu 09:00-16:00 Europe/Berlin"]}')
            + "rules:\n"
            + '  - {when: {paths: [a]}, gates: {windows: ["Fri 09:00-16:00 Europe/Berlin"]}}\n',
            [
                (
                    "10:43: these windows never open while those of `production` do; let them have "
                    "an hour in common"
                )
            ],
        ),
        # Of two zones: nine o'clock in Tokyo is night in Berlin.
        (
            production('gates: {windows: ["Mon-Fri 09:00-12:00 Asia/Tokyo"]}')
            + "rules:\n"
            + '  - {when: {paths: [a]}, gates: {windows: ["Mon-Fri 12:00-16:00 Europe/Berlin"]}}\n',
            [
                (
                    "10:43: these windows never open while those of `production` do; let them have "
                    "an hour in common"
                )
            ],
        ),
        (
            production('gates: {windows: ["Mon-Fri 09:00-12:00 Europe/Berlin"]}')
            + "rules:\n"
            + '  - {when: {paths: [a]}, gates: {windows: ["Mon 11:00-16:00 Europe/Berlin"]}}\n',
            [],
        ),
        # Frozen for as long as one can see.
        (
            production("freezes: [{from: 2026-01-01, to: 2036-01-01, reason: End of life}]"),
            [
                (
                    "8:14: `production` is frozen whenever it could be merged into, for the whole "
                    "year to come; shorten a freeze, or widen `windows`"
                )
            ],
        ),
        (
            production(
                'gates: {windows: ["Mon 09:00-12:00 UTC"]}\n'
                "freezes:\n"
                "  - {from: 2026-05-01, to: 2026-12-31, reason: One}\n"
                "  - {from: 2027-01-01, to: 2028-12-31, reason: Another}\n"
            ),
            [
                (
                    "10:7: `production` is frozen whenever it could be merged into, for the whole "
                    "year to come; shorten a freeze, or widen `windows`"
                )
            ],
        ),
        (
            production(
                "freezes:\n"
                "  - {from: 2026-05-01, to: 2026-12-31, reason: One}\n"
                "  - {from: 2027-01-02, to: 2028-12-31, reason: Another}\n"
            ),
            [],
        ),
        # Staging changes every morning, and what follows it by itself never rests a day.
        (
            START.replace(
                "branch: staging\n", 'branch: staging\n    promote: {schedule: "0 9 * * *"}\n'
            )
            + "    promote: automatic\n    gates: {soak: 2d}\n",
            [
                (
                    "10:19: `staging` may take new content every 1d by its schedule, and a "
                    "promotion into `production` follows it, so nothing rests there for 2d; "
                    "promote by hand or at set times, or let it rest less"
                )
            ],
        ),
        (
            START.replace(
                "branch: staging\n", 'branch: staging\n    promote: {schedule: "0 9 * * 1-5"}\n'
            )
            + "    promote: automatic\n    gates: {soak: 2d}\n",
            [],
        ),
    ],
)
def test_what_can_never_be_satisfied_is_found(text: str, expected: list[str]) -> None:
    assert errors(text) == expected


def test_what_may_be_inherited_is_remarked_on_alone() -> None:
    text = production("gates: {sign_offs: [security]}") + "inherit: acme/policy\n"
    nobody = "8:25: nobody can sign off for `security`, since `roles` does not say who it is"

    assert (errors(text, complete=False), remarks(text, complete=False)) == ([], [nobody])
    assert errors(text, "version: 1\n") == [nobody]
    assert errors(text, "version: 1\nroles: {security: [sam]}\n") == []


def test_a_bundle_that_nobody_has_is_found_once_all_that_is_inherited_is_known() -> None:
    text = START + "inherit: acme/policy\nrules: [{when: {paths: [a]}, bundles: [soxx]}]\n"

    assert errors(text, complete=False) == []
    assert errors(text, "version: 1\nbundles: {sox: {gates: {approvals: 2}}}\n") == [
        "9:40: no bundle is called `soxx`, here or in what is inherited; did you mean `sox`?"
    ]


def test_code_owners_are_a_role_that_is_there_without_being_named() -> None:
    assert errors(production("gates: {sign_offs: [code-owners]}")) == []


def test_a_role_of_one_person_is_remarked_on_where_it_has_to_sign_off() -> None:
    roles = 'roles: {qa: [alice], team: ["@acme/qa"], idle: [bob]}\n'
    text = production("gates: {sign_offs: [qa, team]}") + roles

    assert remarks(text) == ["9:13: `qa` is alice alone: what alice writes, nobody can sign off"]


LOOSER = """\
gates:
  approvals: 1
  soak: 1h
  drained: false
  sign_offs: []
  checks: {timeout: 4h}
"""
FLOOR = """\
version: 1
environments:
  - names: ["prod*"]
    gates:
      {approvals: 2, soak: 24h, drained: true, sign_offs: [sec], checks: {timeout: 2h}}
roles: {sec: [sam, sue]}
override: [sec]
bundles: {sox: {gates: {approvals: 2}}}
"""


def test_every_attempt_to_loosen_is_an_error_at_its_place() -> None:
    text = production(LOOSER) + (
        "roles: {sec: [mallory, max]}\nbundles: {sox: {gates: {approvals: 0}}}\n"
        "override: [max, sec]\n"
    )
    less = "is less strict; a repository may only ask for more, so leave it out"

    assert errors(text, FLOOR) == [
        f"9:18: the organisation's policy asks for 2, and 1 {less}",
        f"10:13: the organisation's policy asks for 1d, and 1h {less}",
        f"11:16: the organisation's policy asks for true, and false {less}",
        f"12:18: the organisation's policy asks for sec, and none {less}",
        f"13:15: the organisation's policy asks for 2h, and 4h {less}",
        (
            "14:9: the organisation's policy says who holds it; `sec` cannot be said anew here, so "
            "leave it out or take another name"
        ),
        (
            "15:11: the organisation's policy says what it asks for; `sox` cannot be said anew "
            "here, so leave it out or take another name"
        ),
        ("16:12: the organisation's policy lets `sec` override, and nobody else; leave `max` out"),
    ]


def test_to_ask_for_more_is_no_error() -> None:
    assert errors(production("gates: {approvals: 3, soak: 48h}"), FLOOR) == []


def test_windows_that_miss_the_organisations_are_found() -> None:
    acme = (
        'version: 1\nenvironments:\n  - {names: ["*"], gates: {windows: ["Mon 09:00-12:00 UTC"]}}\n'
    )

    assert errors(production('gates: {windows: ["Tue 09:00-12:00 UTC"]}'), acme) == [
        (
            "8:22: these windows never open while those of `production` do; let them have an "
            "hour in common"
        )
    ]


def test_an_organisations_own_roles_are_looked_for_too() -> None:
    reading = read(
        "version: 1\nrules: [{when: {paths: [a]}, gates: {sign_offs: [sec]}}]\n", Organisation
    )

    assert [str(e) for e in check_organisation(reading, [], complete=True).errors] == [
        "2:50: nobody can sign off for `sec`, since `roles` does not say who it is"
    ]
