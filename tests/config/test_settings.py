"""Settings come from the environment and a file; what is wrong is said at once, without secrets."""

from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.settings import SECRETS, Part, Settings, SettingsErrors, read_settings, variable

DASHBOARD = "only-for-the-people-of-the-platform"
GITHUB = {"LOCKSTEP_GITHUB_TOKEN": "t0ken", "LOCKSTEP_GITHUB_WEBHOOK_SECRET": "s3cret"}
HOME = {"HOME": "/home/lockstep"}
KEY = "-----BEGIN RSA PRIVATE KEY-----\nc2VjcmV0\n-----END RSA PRIVATE KEY-----"
FERNET = "A" * 43 + "="
SIGNING = "whsec_" + "A" * 43 + "="
EMPTY = Path("/nowhere")


def read(environ: dict[str, str], part: Part = "serve", directory: Path = EMPTY) -> Settings:
    return read_settings(HOME | environ, part, directory=directory)


def errors(environ: dict[str, str], part: Part = "serve", directory: Path = EMPTY) -> list[str]:
    try:
        read(environ, part, directory)
    except SettingsErrors as found:
        return str(found).splitlines()
    return []


# What is read


def test_a_token_and_a_secret_are_enough() -> None:
    settings = read(GITHUB)

    assert settings == Settings.model_validate(
        {
            "host": "127.0.0.1",
            "port": "8080",
            "state_dir": "/home/lockstep/.local/state/lockstep",
            "temporal_namespace": "default",
            "github_api_url": "https://api.github.com",
            "github_token": "t0ken",
            "github_webhook_secret": "s3cret",
            "gitlab_url": "https://gitlab.com",
            "reconcile_interval": "10m",
            "log_format": "text",
        }
    )
    assert settings.temporal_address is None
    assert not settings.encrypts_temporal


def test_every_setting_is_read(tmp_path: Path) -> None:
    for name in ("key.pem", "ca.pem", "client.pem", "client.key"):
        (tmp_path / name).write_text(KEY + "\n")

    settings = read(
        {
            "LOCKSTEP_HOST": "0.0.0.0",  # noqa: S104 - somebody asks for it
            "LOCKSTEP_PORT": "0",
            "LOCKSTEP_METRICS_PORT": "9464",
            "LOCKSTEP_DASHBOARD_TOKEN": DASHBOARD,
            "LOCKSTEP_STATE_DIR": "/var/lib/lockstep",
            "LOCKSTEP_TEMPORAL_ADDRESS": "[::1]:7233",
            "LOCKSTEP_TEMPORAL_NAMESPACE": "promotions",
            "LOCKSTEP_TEMPORAL_API_KEY": "k3y",
            "LOCKSTEP_TEMPORAL_ENCRYPTION_KEYS": f"{FERNET}, {FERNET}",
            "LOCKSTEP_TEMPORAL_VERSIONING": "on",
            "LOCKSTEP_BUILD_ID": "1.2.3+4f5e6d7",
            "LOCKSTEP_TEMPORAL_TLS": "Yes",
            "LOCKSTEP_TEMPORAL_TLS_CA_FILE": str(tmp_path / "ca.pem"),
            "LOCKSTEP_TEMPORAL_TLS_CERT_FILE": str(tmp_path / "client.pem"),
            "LOCKSTEP_TEMPORAL_TLS_KEY_FILE": str(tmp_path / "client.key"),
            "LOCKSTEP_TEMPORAL_TLS_SERVER_NAME": "temporal.example.com",
            "LOCKSTEP_GITHUB_API_URL": "https://github.example.com/api/v3/",
            "LOCKSTEP_GITHUB_APP_ID": "12345",
            "LOCKSTEP_GITHUB_PRIVATE_KEY_FILE": str(tmp_path / "key.pem"),
            "LOCKSTEP_GITHUB_WEBHOOK_SECRET": "one",
            "LOCKSTEP_GITLAB_URL": "http://localhost:8929",
            "LOCKSTEP_GITLAB_TOKEN": "glpat-x",
            "LOCKSTEP_GITLAB_WEBHOOK_SECRET": "two",
            "LOCKSTEP_GITLAB_SIGNING_TOKEN": SIGNING,
            "LOCKSTEP_GIT_URL": "https://git.example.com/",
            "LOCKSTEP_GIT_REPOSITORIES": "acme/shop=git@git.example.com:shop.git",
            "LOCKSTEP_GIT_USER": "robot",
            "LOCKSTEP_GIT_TOKEN": "g1t",
            "LOCKSTEP_GIT_SSH_KEY_FILE": str(tmp_path / "key.pem"),
            "LOCKSTEP_GIT_SSH_KNOWN_HOSTS_FILE": str(tmp_path / "ca.pem"),
            "LOCKSTEP_GIT_EMAIL_DOMAINS": "Example.com example.org",
            "LOCKSTEP_GIT_WEBHOOK_SECRET": "three",
            "LOCKSTEP_WRITES_PER_MINUTE": "25",
            "LOCKSTEP_CONTENT_PER_HOUR": "160",
            "LOCKSTEP_REST_AFTER_LIMIT": "90s",
            "LOCKSTEP_ALLOWED_ADDRESSES": "api.example.com",
            "LOCKSTEP_GATE_SECRETS": "capacity api.example.com c4p",
            "LOCKSTEP_REPOSITORIES": "acme/*, other/config",
            "LOCKSTEP_POLICY_REPOSITORY": "acme/policy, gitlab:group/sub/policy",
            "LOCKSTEP_RECONCILE_INTERVAL": "1h30m",
            "LOCKSTEP_LOG_FORMAT": "json",
        }
    )

    secrets = {name: getattr(settings, name) for name in SECRETS}
    assert {name: secret.get_secret_value() for name, secret in secrets.items() if secret} == {
        "dashboard_token": DASHBOARD,
        "temporal_api_key": "k3y",
        "temporal_encryption_keys": f"{FERNET},{FERNET}",
        "github_private_key": KEY,
        "github_webhook_secret": "one",
        "gitlab_token": "glpat-x",
        "gitlab_webhook_secret": "two",
        "gitlab_signing_token": SIGNING,
        "git_token": "g1t",
        "git_webhook_secret": "three",
        "gate_secrets": "capacity api.example.com c4p",
    }
    assert settings.encryption_keys == (FERNET, FERNET)
    assert settings.model_dump(exclude=set(SECRETS)) == {
        "host": "0.0.0.0",  # noqa: S104 - as asked for above
        "port": 0,
        "metrics_port": 9464,
        "dashboard_open": False,
        "state_dir": Path("/var/lib/lockstep"),
        "temporal_address": "[::1]:7233",
        "temporal_namespace": "promotions",
        "temporal_versioning": True,
        "build_id": "1.2.3+4f5e6d7",
        "temporal_tls": True,
        "temporal_tls_ca_file": tmp_path / "ca.pem",
        "temporal_tls_cert_file": tmp_path / "client.pem",
        "temporal_tls_key_file": tmp_path / "client.key",
        "temporal_tls_server_name": "temporal.example.com",
        "github_api_url": "https://github.example.com/api/v3",
        "github_app_id": 12345,
        "gitlab_url": "http://localhost:8929",
        "git_url": "https://git.example.com",
        "git_repositories": (("acme/shop", "git@git.example.com:shop.git"),),
        "git_user": "robot",
        "git_ssh_key_file": tmp_path / "key.pem",
        "git_ssh_known_hosts_file": tmp_path / "ca.pem",
        "git_email_domains": ("example.com", "example.org"),
        "writes_per_minute": 25,
        "content_per_hour": 160,
        "rest_after_limit": timedelta(seconds=90),
        "allowed_addresses": {"hosts": ("api.example.com",), "networks": ()},
        "repositories": ("acme/*", "other/config"),
        "policy_repository": ("acme/policy", "gitlab:group/sub/policy"),
        "reconcile_interval": timedelta(hours=1, minutes=30),
        "log_format": "json",
    }


def test_an_empty_variable_counts_as_not_set() -> None:
    assert read(GITHUB | {"LOCKSTEP_GITLAB_TOKEN": "", "LOCKSTEP_PORT": ""}) == read(GITHUB)


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"XDG_STATE_HOME": "/state"}, "/state/lockstep"),
        ({}, "/home/lockstep/.local/state/lockstep"),
        ({"LOCKSTEP_STATE_DIR": "here"}, "here"),
    ],
)
def test_state_is_kept_where_the_platform_keeps_it(environ: dict[str, str], expected: str) -> None:
    assert read(GITHUB | environ).state_dir == Path(expected)


def test_without_a_home_the_place_for_state_must_be_named() -> None:
    with pytest.raises(SettingsErrors) as found:
        read_settings(GITHUB, directory=EMPTY)

    assert found.value.errors == (
        (
            "`LOCKSTEP_STATE_DIR` is not set, and there is no home directory; name a directory "
            "that the server may write to"
        ),
    )


@pytest.mark.parametrize(
    "extra",
    [
        {"LOCKSTEP_TEMPORAL_TLS": "true"},
        {"LOCKSTEP_TEMPORAL_API_KEY": "k"},
        {"LOCKSTEP_TEMPORAL_TLS_SERVER_NAME": "x"},
    ],
)
def test_temporal_is_reached_by_tls_where_anything_asks_for_it(extra: dict[str, str]) -> None:
    address = {"LOCKSTEP_TEMPORAL_ADDRESS": "temporal:7233"}

    assert read(GITHUB | address | extra).encrypts_temporal
    assert not read(GITHUB | address).encrypts_temporal


def test_repositories_are_narrowed_by_patterns_whatever_their_case() -> None:
    settings = read(GITHUB | {"LOCKSTEP_REPOSITORIES": "acme/config-*  Other,group/**"})
    asked = ["Acme/Config-eu", "acme/app", "other/x", "group/sub/x", "others/x"]

    assert [name for name in asked if settings.serves(name)] == [
        "Acme/Config-eu",
        "other/x",
        "group/sub/x",
    ]
    assert all(read(GITHUB).serves(name) for name in asked)


# Files


def test_a_file_holds_the_same_names_and_the_environment_outweighs_it(tmp_path: Path) -> None:
    (tmp_path / "lockstep.env").write_text(
        "# for staging\n"
        "\n"
        "export LOCKSTEP_GITHUB_TOKEN=t0ken\n"
        "LOCKSTEP_GITHUB_WEBHOOK_SECRET = 'a ${b} #c'\n"
        'LOCKSTEP_LOG_FORMAT="json"\n'
        "LOCKSTEP_PORT=1\n"
        "SOMETHING_ELSE=x\n"
    )

    settings = read({"LOCKSTEP_PORT": "2"}, directory=tmp_path)

    assert settings.github_webhook_secret is not None
    assert settings.github_webhook_secret.get_secret_value() == "a ${b} #c"
    assert (settings.log_format, settings.port) == ("json", 2)


def test_the_file_may_stand_elsewhere(tmp_path: Path) -> None:
    path = tmp_path / "elsewhere"
    path.write_text("\n".join(f"{name}={value}" for name, value in GITHUB.items()))

    assert read({"LOCKSTEP_SETTINGS_FILE": str(path)}) == read(GITHUB)


def test_what_is_wrong_in_a_file_is_said_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "lockstep.env").write_text(
        "LOCKSTEP_PORT=x\nLOCKSTEP_REPOSITORYS=acme/*\nnonsense\nLOCKSTEP_LOG_FORMAT=text # plain\n"
    )

    assert errors(GITHUB, directory=tmp_path) == [
        (
            "lockstep.env, line 2: no setting is called `LOCKSTEP_REPOSITORYS`; did you mean "
            "`LOCKSTEP_REPOSITORIES`?"
        ),
        "lockstep.env, line 3: this is not `NAME=value`",
        (
            "lockstep.env, line 4: `LOCKSTEP_LOG_FORMAT` seems to have a comment behind it; put "
            "the comment on a line of its own, or the value in quotes"
        ),
        "`LOCKSTEP_PORT` (lockstep.env, line 1): `x` is not a port; write a number up to 65535",
        "`LOCKSTEP_LOG_FORMAT` (lockstep.env, line 4): `text # plain` is neither `text` nor `json`",
    ]


@pytest.mark.parametrize("secret", SECRETS)
def test_each_secret_may_stand_in_a_file_of_its_own(secret: str, tmp_path: Path) -> None:
    path = tmp_path / "secret"
    shapes = {
        "github_private_key": KEY,
        "temporal_encryption_keys": FERNET,
        "gate_secrets": "capacity api.example.com c4p",
        "gitlab_signing_token": SIGNING,
        "dashboard_token": DASHBOARD,
    }
    path.write_text(shapes.get(secret, "s3cret") + "\n")
    around = {
        "dashboard_token": GITHUB,
        "temporal_api_key": GITHUB | {"LOCKSTEP_TEMPORAL_ADDRESS": "temporal:7233"},
        "temporal_encryption_keys": GITHUB,
        "gate_secrets": GITHUB,
        "github_private_key": {
            "LOCKSTEP_GITHUB_APP_ID": "1",
            "LOCKSTEP_GITHUB_WEBHOOK_SECRET": "s",
        },
        "github_token": {"LOCKSTEP_GITHUB_WEBHOOK_SECRET": "s"},
        "github_webhook_secret": {"LOCKSTEP_GITHUB_TOKEN": "t"},
        "gitlab_token": {"LOCKSTEP_GITLAB_WEBHOOK_SECRET": "s"},
        "gitlab_webhook_secret": {"LOCKSTEP_GITLAB_TOKEN": "t"},
        "gitlab_signing_token": {"LOCKSTEP_GITLAB_TOKEN": "t"},
        "git_token": {"LOCKSTEP_GIT_URL": "/srv/git", "LOCKSTEP_GIT_WEBHOOK_SECRET": "s"},
        "git_webhook_secret": {"LOCKSTEP_GIT_URL": "/srv/git"},
    }

    settings = read(around[secret] | {variable(secret) + "_FILE": str(path)})

    assert getattr(settings, secret).get_secret_value() == path.read_text().strip()


def test_a_secret_that_cannot_be_read_is_said_by_its_file(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "large").write_text("x" * 70_000)
    (tmp_path / "bytes").write_bytes(b"\xff")

    def said(name: str) -> list[str]:
        token = {"LOCKSTEP_GITHUB_TOKEN_FILE": str(tmp_path / name)}
        return errors({"LOCKSTEP_GITHUB_WEBHOOK_SECRET": "s"} | token)

    begin = f"`LOCKSTEP_GITHUB_TOKEN_FILE`: the file `{tmp_path}"
    assert said("none") == [f"{begin}/none` cannot be read: No such file or directory"]
    assert said(".") == [f"{begin}` cannot be read: Is a directory"]
    assert said("empty") == [f"{begin}/empty` is empty"]
    assert said("large") == [f"{begin}/large` is larger than 64 KiB"]
    assert said("bytes") == [f"{begin}/bytes` is not UTF-8"]


def test_a_settings_file_that_was_asked_for_must_be_there() -> None:
    assert errors(GITHUB | {"LOCKSTEP_SETTINGS_FILE": "/nowhere/x"}) == [
        "`LOCKSTEP_SETTINGS_FILE`: the file `/nowhere/x` cannot be read: No such file or directory"
    ]


def test_a_secret_is_set_in_one_way(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("t0ken")

    assert errors(GITHUB | {"LOCKSTEP_GITHUB_TOKEN_FILE": str(tmp_path / "token")}) == [
        "`LOCKSTEP_GITHUB_TOKEN` and `LOCKSTEP_GITHUB_TOKEN_FILE` are both set; keep one"
    ]


# What is refused


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("PORT", "http", "`http` is not a port; write a number up to 65535"),
        ("PORT", "65536", "`65536` is not a port; write a number up to 65535"),
        (
            "PORT",
            "tcp://10.0.0.1:8080",
            (
                "`tcp://10.0.0.1:8080` is what Kubernetes sets for a service of that name; set the "
                "variable yourself, or `enableServiceLinks: false` for the pod"
            ),
        ),
        (
            "TEMPORAL_ADDRESS",
            "https://temporal:7233",
            "the address is not a host and a port, such as `temporal.example.com:7233`",
        ),
        (
            "TEMPORAL_ADDRESS",
            "temporal",
            "the address is not a host and a port, such as `temporal.example.com:7233`",
        ),
        ("TEMPORAL_TLS_CA_FILE", "/nowhere/x", "there is no file `/nowhere/x`"),
        (
            "TEMPORAL_ENCRYPTION_KEYS",
            f"{FERNET},s3cret",
            (
                "a key is 32 random bytes in URL-safe base64, as "
                "`openssl rand -base64 32 | tr '+/' '-_'` prints them"
            ),
        ),
        (
            "BUILD_ID",
            "my build",
            "`my build` names no build; write a version, a tag or a commit",
        ),
        ("TEMPORAL_TLS", "maybe", "`maybe` is neither `true` nor `false`"),
        (
            "GITLAB_URL",
            "gitlab.example.com",
            "the value is not a URL, such as `https://forge.example.com/api/v3`",
        ),
        (
            "GITLAB_URL",
            "https://gitlab.example.com:x",
            "the value is not a URL, such as `https://forge.example.com/api/v3`",
        ),
        (
            "GITLAB_URL",
            "https://me:s3cret@gitlab.example.com",
            "the URL has more than a host and a path; a token has its own setting",
        ),
        (
            "GITLAB_URL",
            "https://gitlab.example.com?private_token=s3cret",
            "the URL has more than a host and a path; a token has its own setting",
        ),
        (
            "GITLAB_URL",
            "http://gitlab.example.com",
            (
                "`http://gitlab.example.com` would send the token in the clear; write `https://`, "
                "or put a proxy on this machine that does"
            ),
        ),
        (
            "GITLAB_SIGNING_TOKEN",
            "s3cret",
            ("a signing token is `whsec_` with a key in base64 behind it, as GitLab shows it"),
        ),
        ("GITLAB_TOKEN", "a b", "the value has a space or a character that no token has"),
        ("GITLAB_TOKEN", "“t”", "the value has a space or a character that no token has"),
        (
            "REPOSITORIES",
            "acme/*,/x",
            "`/x` is not a pattern of repositories, such as `acme/*`",
        ),
        (
            "POLICY_REPOSITORY",
            "acme",
            "`acme` is not a repository; write its owner and name: `acme/policy`",
        ),
        (
            "POLICY_REPOSITORY",
            "gitub:acme/policy",
            (
                "`gitub:acme/policy` names no forge; write `acme/policy`, or `github:acme/policy` "
                "where only one forge has it"
            ),
        ),
        (
            "DASHBOARD_TOKEN",
            "hunter2",
            (
                "the token has to be 20 letters, digits and signs or more, without spaces; "
                "`openssl rand -hex 24` makes one"
            ),
        ),
        ("DASHBOARD_OPEN", "maybe", "`maybe` is neither `true` nor `false`"),
        ("RECONCILE_INTERVAL", "0m", "`0m` is no time at all; leave the key out instead"),
        ("LOG_FORMAT", "xml", "`xml` is neither `text` nor `json`"),
    ],
)
def test_a_value_that_cannot_be_is_said_by_its_variable(name: str, value: str, reason: str) -> None:
    around = GITHUB | {
        "LOCKSTEP_TEMPORAL_ADDRESS": "temporal:7233",
        "LOCKSTEP_GITLAB_TOKEN": "t",
        "LOCKSTEP_GITLAB_WEBHOOK_SECRET": "s",
    }

    assert errors(around | {f"LOCKSTEP_{name}": value}) == [f"`LOCKSTEP_{name}`: {reason}"]


def test_nobody_may_see_the_dashboard_unless_that_is_said() -> None:
    shown = {
        more: read(GITHUB | dict([more])).shows_dashboard
        for more in (
            ("LOCKSTEP_HOST", "127.0.0.1"),
            ("LOCKSTEP_DASHBOARD_TOKEN", DASHBOARD),
            ("LOCKSTEP_DASHBOARD_OPEN", "true"),
        )
    }

    assert list(shown.values()) == [False, True, True]


@pytest.mark.parametrize("part", ["serve", "webhook"])
def test_an_open_dashboard_is_for_this_machine_alone(part: Part) -> None:
    opened = GITHUB | {"LOCKSTEP_DASHBOARD_OPEN": "true"}

    assert errors(opened | {"LOCKSTEP_HOST": "0.0.0.0"}, part) == [  # noqa: S104 -- is refused
        (
            "`LOCKSTEP_DASHBOARD_OPEN` would show the dashboard to whoever reaches `0.0.0.0`; set "
            "`LOCKSTEP_DASHBOARD_TOKEN` instead, or `LOCKSTEP_HOST` to `127.0.0.1`"
        )
    ]
    assert errors(opened | {"LOCKSTEP_DASHBOARD_TOKEN": DASHBOARD}, part) == [
        "`LOCKSTEP_DASHBOARD_OPEN` and `LOCKSTEP_DASHBOARD_TOKEN` are both set; keep one of them"
    ]


def test_a_worker_shows_no_dashboard_and_has_no_opinion_on_it() -> None:
    shared = {"LOCKSTEP_DASHBOARD_OPEN": "true", "LOCKSTEP_HOST": "0.0.0.0"}  # noqa: S104 -- for its metrics

    assert errors(GITHUB | shared, "worker") == []


def test_a_limit_that_lets_nothing_through_is_refused() -> None:
    assert errors(GITHUB | {"LOCKSTEP_CONTENT_PER_HOUR": "0"}) == [
        "`LOCKSTEP_CONTENT_PER_HOUR`: `0` lets nothing through; write 1 or more",
    ]


def test_a_key_of_an_app_that_is_none_is_said() -> None:
    app = {"LOCKSTEP_GITHUB_APP_ID": "me", "LOCKSTEP_GITHUB_PRIVATE_KEY": "s3cret"}

    assert errors(app | {"LOCKSTEP_GITHUB_WEBHOOK_SECRET": "s"}) == [
        "`LOCKSTEP_GITHUB_APP_ID`: `me` is not a number",
        (
            "`LOCKSTEP_GITHUB_PRIVATE_KEY`: this is not a private key; the App's page has it as a "
            "`.pem` file"
        ),
    ]


NO_SECRET = (
    "is configured without a secret for its webhooks, so anybody could send them; set "
    "`LOCKSTEP_{}_WEBHOOK_SECRET` to the secret that the webhook has on the forge"
)
NO_TOKEN = "{} is configured without a token; set `LOCKSTEP_{}_TOKEN`"


@pytest.mark.parametrize(
    ("set_names", "part", "expected"),
    [
        (["GITHUB_TOKEN"], "serve", ["GitHub " + NO_SECRET.format("GITHUB")]),
        (["GITLAB_TOKEN"], "webhook", ["GitLab " + NO_SECRET.format("GITLAB")]),
        (["GITHUB_TOKEN"], "worker", []),
        (["GITHUB_WEBHOOK_SECRET"], "serve", [NO_TOKEN.format("GitHub", "GITHUB")]),
        (["GITLAB_WEBHOOK_SECRET"], "worker", [NO_TOKEN.format("GitLab", "GITLAB")]),
        (["GITHUB_WEBHOOK_SECRET"], "webhook", []),
        (
            [],
            "serve",
            [
                (
                    "no forge is configured; set `LOCKSTEP_GITHUB_TOKEN` and "
                    "`LOCKSTEP_GITHUB_WEBHOOK_SECRET`, or `LOCKSTEP_GITLAB_TOKEN` and "
                    "`LOCKSTEP_GITLAB_WEBHOOK_SECRET`, or `LOCKSTEP_GIT_REPOSITORIES` and "
                    "`LOCKSTEP_GIT_WEBHOOK_SECRET`"
                )
            ],
        ),
        (
            [],
            "worker",
            [
                (
                    "no forge is configured; set `LOCKSTEP_GITHUB_TOKEN`, or "
                    "`LOCKSTEP_GITLAB_TOKEN`, or `LOCKSTEP_GIT_REPOSITORIES` and "
                    "`LOCKSTEP_GIT_WEBHOOK_SECRET`"
                )
            ],
        ),
        (
            [],
            "webhook",
            [
                (
                    "no forge is configured; set `LOCKSTEP_GITHUB_WEBHOOK_SECRET`, or "
                    "`LOCKSTEP_GITLAB_WEBHOOK_SECRET`, or `LOCKSTEP_GIT_REPOSITORIES` and "
                    "`LOCKSTEP_GIT_WEBHOOK_SECRET`"
                )
            ],
        ),
    ],
)
def test_each_part_of_the_server_needs_what_it_uses_and_no_more(
    set_names: list[str], part: Part, expected: list[str]
) -> None:
    assert errors({f"LOCKSTEP_{name}": "x" for name in set_names}, part) == expected


def test_a_signing_token_is_proof_enough_of_gitlabs_webhooks() -> None:
    assert errors({"LOCKSTEP_GITLAB_SIGNING_TOKEN": SIGNING}, "webhook") == []


def test_git_needs_a_repository_and_a_secret_in_every_part() -> None:
    where = "git is configured without a repository; set {}, or {}".format(
        "`LOCKSTEP_GIT_REPOSITORIES`", "`LOCKSTEP_GIT_URL`"
    )
    for part in ("serve", "webhook", "worker"):
        (secret,) = errors({"LOCKSTEP_GIT_URL": "/srv/git"}, part)
        assert "set `LOCKSTEP_GIT_WEBHOOK_SECRET`" in secret
        assert errors({"LOCKSTEP_GIT_WEBHOOK_SECRET": "x"}, part) == [where]


def test_repositories_of_plain_git_are_read_by_name() -> None:
    several = "acme/shop=/srv/git/shop.git, acme/eu/site=https://git.example.com/site.git"
    settings = read_settings(
        HOME | {"LOCKSTEP_GIT_REPOSITORIES": several, "LOCKSTEP_GIT_WEBHOOK_SECRET": "x"}
    )

    assert settings.git_repositories == (
        ("acme/shop", "/srv/git/shop.git"),
        ("acme/eu/site", "https://git.example.com/site.git"),
    )


@pytest.mark.parametrize(
    "address",
    [
        "/srv/git/",
        "file:///srv/git",
        "https://git.example.com/x",
        "http://127.0.0.1:8080",
        "ssh://git@git.example.com:2222/srv",
        "git@git.example.com:srv/x.git",
    ],
)
def test_git_goes_to_addresses_like_these(address: str) -> None:
    where = {"LOCKSTEP_GIT_URL": address, "LOCKSTEP_GIT_WEBHOOK_SECRET": "x"}

    assert read_settings(HOME | where).git_url == address.rstrip("/")


@pytest.mark.parametrize(
    "address",
    [
        "ext::sh -c touch% /tmp/x",
        "ext::sh",
        "--upload-pack=touch",
        "-x",
        "ssh://-oProxyCommand=touch/x",
        "-oProxyCommand=x@host:path",
        "git@-oProxyCommand:path",
        "git@host:-path",
        "http://git.example.com/x",
        "https://user:secret@git.example.com",
        "ftp://git.example.com/x",
        "relative/path",
        "fd::17",
    ],
)
def test_git_goes_nowhere_else(address: str) -> None:
    where = {"LOCKSTEP_GIT_URL": address, "LOCKSTEP_GIT_WEBHOOK_SECRET": "x"}
    several = {"LOCKSTEP_GIT_REPOSITORIES": f"acme/shop={address}"}

    assert len(errors(where)) == 1
    assert len(errors(several | {"LOCKSTEP_GIT_WEBHOOK_SECRET": "x"})) == 1


def test_a_token_and_an_app_exclude_each_other() -> None:
    assert errors(GITHUB | {"LOCKSTEP_GITHUB_APP_ID": "1"}) == [
        "`LOCKSTEP_GITHUB_TOKEN` and a GitHub App are both set; keep one of them"
    ]


def test_an_app_has_an_id_and_a_key() -> None:
    app = {"LOCKSTEP_GITHUB_APP_ID": "1", "LOCKSTEP_GITHUB_WEBHOOK_SECRET": "s"}

    assert errors(app) == [
        (
            "`LOCKSTEP_GITHUB_APP_ID` and `LOCKSTEP_GITHUB_PRIVATE_KEY_FILE` go together; set "
            "both, or use `LOCKSTEP_GITHUB_TOKEN`"
        )
    ]


def test_what_secures_temporal_needs_the_address_of_one() -> None:
    assert errors(GITHUB | {"LOCKSTEP_TEMPORAL_API_KEY": "k"}) == [
        (
            "`LOCKSTEP_TEMPORAL_API_KEY` is set, and `LOCKSTEP_TEMPORAL_ADDRESS` is not: the "
            "embedded server takes neither keys nor certificates; set the address, or remove it"
        )
    ]


def test_a_certificate_comes_with_its_key(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("x")
    cert = {
        "LOCKSTEP_TEMPORAL_ADDRESS": "temporal:7233",
        "LOCKSTEP_TEMPORAL_TLS_CERT_FILE": str(tmp_path / "x"),
    }

    assert errors(GITHUB | cert) == [
        (
            "`LOCKSTEP_TEMPORAL_TLS_CERT_FILE` and `LOCKSTEP_TEMPORAL_TLS_KEY_FILE` go together; "
            "set both, or neither"
        )
    ]


def test_a_variable_that_is_surely_a_setting_misspelled_is_said_and_others_are_not_ours() -> None:
    others = {
        "LOCKSTEP_DEBUG": "1",
        "LOCKSTEP_SERVICE_HOST": "10.0.0.1",
        "LOCKSTEP_SERVICE_PORT": "80",
        "LOCKSTEP_PORT_8080_TCP": "tcp://10.0.0.1:8080",
        "LOCKSTEP_PORT_8080_TCP_ADDR": "10.0.0.1",
        "LOCKSTEP_MATERIAL": "/x",
    }

    assert errors(GITHUB | others | {"LOCKSTEP_REPOSITORYS": "acme/*"}) == [
        "no setting is called `LOCKSTEP_REPOSITORYS`; did you mean `LOCKSTEP_REPOSITORIES`?"
    ]


# Secrets


def test_what_is_printed_of_settings_has_no_secret() -> None:
    settings = read(GITHUB)

    printed = f"{settings!r} {settings} {settings.model_dump()} {settings.model_dump_json()}"

    assert "t0ken" not in printed
    assert "s3cret" not in printed


@given(st.dictionaries(st.sampled_from([variable(name) for name in SECRETS]), st.just("S€CRET")))
def test_no_error_quotes_a_secret(secrets: dict[str, str]) -> None:
    assert "S€CRET" not in "".join(errors(secrets | {"LOCKSTEP_PORT": "x"}))
