"""Where gates may ask, and with which secrets: the server's say, which no repository has.

Every function returns the value or raises `ValueError` with a sentence for people, in
which no secret is quoted.
"""

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from pydantic import SecretStr

from config.suggest import named

_HOST = re.compile(r"(\*\.)?[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*")
_TRANSLATED = (ip_network("64:ff9b::/96"), ip_network("2002::/16"), ip_network("2001::/32"))


@dataclass(frozen=True, slots=True)
class Reach:
    """Host names whose public addresses may be asked, and networks that may be in any way.

    So a name alone never leads to this machine, to its neighbours or to the metadata of a
    cloud, whatever it resolves to: for that the network has to be named.
    """

    hosts: tuple[str, ...] = ()
    networks: tuple[IPv4Network | IPv6Network, ...] = ()

    def names(self, host: str) -> bool:
        """Whether a host is among those that are named; ``*.`` stands for what is below."""
        host = host.casefold().rstrip(".")
        return any(
            host.endswith(name[1:]) if name.startswith("*.") else host == name
            for name in self.hosts
        )

    def allows(self, host: str, address: str) -> bool:
        """Whether a host may be asked at an address that it resolves to."""
        try:
            plain = _plain(ip_address(address.partition("%")[0]))
        except ValueError:
            return False
        if any(plain in network for network in self.networks):
            return True
        # What is translated into another network's address may be any of them.
        hidden = any(plain in network for network in _TRANSLATED)
        public = plain.is_global and not plain.is_multicast and not hidden
        return public and self.names(host)


def _plain(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def reach(text: str) -> Reach:
    """Return the hosts and networks in `text`, parted by commas or white space."""
    hosts: list[str] = []
    networks: list[IPv4Network | IPv6Network] = []
    for word in re.split(r"[\s,]+", text.strip(", \n\t").casefold()):
        try:
            networks.append(ip_network(word))
        except ValueError:
            if not _HOST.fullmatch(word) or re.fullmatch(r"[0-9./]+", word):
                raise ValueError(
                    f"{named(word)} is neither a host, such as `api.example.com` or "
                    "`*.example.com`, nor a network, such as `10.1.0.0/16`"
                ) from None
            hosts.append(word)
    return Reach(tuple(hosts), tuple(networks))


def gate_secrets(text: str) -> SecretStr:
    """Return the secrets in `text`, a line each: its name, the host it is for, and itself."""
    names = [name for name, _, _ in _entries(text)]
    if len(set(names)) != len(names):
        raise ValueError("two secrets have the same name; every line has one of its own")
    return SecretStr(text)


def secrets_by_name(text: SecretStr | None) -> dict[str, tuple[str, str]]:
    """Return host and secret of each by its name."""
    entries = _entries(text.get_secret_value()) if text is not None else []
    return {name: (host, secret) for name, host, secret in entries}


def _entries(text: str) -> list[tuple[str, str, str]]:
    found = []
    for number, line in enumerate(re.split(r"[\n;]", text), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        words = line.split()
        right = (
            len(words) == 3
            and re.fullmatch(r"[a-z][a-z0-9_]*", words[0])
            and _HOST.fullmatch(words[1].casefold())
            and re.fullmatch(r"[\x21-\x7e]+", words[2])
        )
        if not right:
            # Not quoted: what is wrong with it may be the secret.
            raise ValueError(
                f"line {number} is not NAME HOST SECRET, such as `capacity api.example.com s3cr3t`"
            )
        found.append((words[0], words[1].casefold(), words[2]))
    return found
