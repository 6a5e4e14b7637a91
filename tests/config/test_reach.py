"""Where gates may ask, and with which secrets."""

import pytest

from config.reach import Reach, gate_secrets, reach, secrets_by_name


@pytest.mark.parametrize(
    ("allowed", "host", "address", "may"),
    [
        ("", "api.example.com", "93.184.216.34", False),
        ("api.example.com", "api.example.com", "93.184.216.34", True),
        ("api.example.com", "API.example.com.", "93.184.216.34", True),
        ("api.example.com", "api.example.org", "93.184.216.34", False),
        ("api.example.com", "x.api.example.com", "93.184.216.34", False),
        ("*.example.com", "x.api.example.com", "93.184.216.34", True),
        ("*.example.com", "example.com", "93.184.216.34", False),
        ("*.example.com", "badexample.com", "93.184.216.34", False),
        # A name leads nowhere that is not public, whatever it resolves to.
        *(
            ("api.example.com", "api.example.com", address, False)
            for address in (
                "127.0.0.1",
                "127.8.8.8",
                "0.0.0.0",  # noqa: S104 - refused, not listened on
                "10.1.2.3",
                "172.16.0.1",
                "192.168.1.1",
                "100.64.0.1",
                "169.254.169.254",
                "224.0.0.1",
                "255.255.255.255",
                "::1",
                "::",
                "fe80::1%eth0",
                "fc00::1",
                "fd00:ec2::254",
                "ff02::1",
                "::ffff:127.0.0.1",
                "::ffff:169.254.169.254",
                "64:ff9b::a9fe:a9fe",
                "2002:7f00:1::",
                "2001:0:7f00:1::",
                "nonsense",
            )
        ),
        ("api.example.com", "api.example.com", "2606:2800:220:1::1", True),
        # A network is reached by whichever name.
        ("10.1.0.0/16", "prometheus.internal", "10.1.2.3", True),
        ("10.1.0.0/16", "prometheus.internal", "10.2.2.3", False),
        ("127.0.0.1", "localhost", "127.0.0.1", True),
        ("127.0.0.1", "localhost", "127.0.0.2", False),
        ("127.0.0.0/8", "localhost", "::ffff:127.0.0.1", True),
        ("fd00::/8", "x", "fd00:ec2::254", True),
    ],
)
def test_a_host_is_asked_at_public_addresses_or_in_networks_that_are_named(
    allowed: str, host: str, address: str, *, may: bool
) -> None:
    found = reach(allowed) if allowed else Reach()

    assert found.allows(host, address) is may


@pytest.mark.parametrize(
    "text", ["https://x.example", "a b", "x/", "10.0.0.0/33", "*", "1.2.3", "ä"]
)
def test_what_is_neither_host_nor_network_is_refused(text: str) -> None:
    if text == "a b":
        assert reach(text).hosts == ("a", "b")
        return
    with pytest.raises(ValueError, match="is neither a host"):
        reach(text)


def test_secrets_are_by_name_and_for_one_host() -> None:
    text = gate_secrets("# ours\ncapacity API.example.com s3cr3t\n\nprom p.example.com t0ken;x y z")

    assert secrets_by_name(text) == {
        "capacity": ("api.example.com", "s3cr3t"),
        "prom": ("p.example.com", "t0ken"),
        "x": ("y", "z"),
    }
    assert secrets_by_name(None) == {}


@pytest.mark.parametrize("text", ["s3cr3t", "a b s3cr3t x", "A b s3cr3t", "a https://b s3cr3t"])
def test_a_line_that_is_no_secret_is_refused_without_quoting_it(text: str) -> None:
    with pytest.raises(ValueError, match="line 1 is not NAME HOST SECRET") as error:
        gate_secrets(text)

    assert "s3cr3t " not in str(error.value).replace("example.com s3cr3t`", "")


def test_two_secrets_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="two secrets have the same name"):
        gate_secrets("a b c\na d e")
