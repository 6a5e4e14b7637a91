"""An ssh server of this machine's own, on a free port of the loopback, with keys made for it."""

import getpass
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.temporal_server import free_port

SSHD = shutil.which("sshd") or shutil.which("/usr/sbin/sshd")
# Where it runs as root it wants this, which a package's service makes.
_PRIVILEGES = Path("/run/sshd")
_CONFIGURATION = """\
ListenAddress 127.0.0.1
Port {port}
HostKey "{directory}/host-key"
AuthorizedKeysFile "{directory}/authorized"
PidFile none
UsePAM no
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
"""


@dataclass(frozen=True, slots=True)
class SshServer:
    """A server, and what somebody needs who goes there."""

    directory: Path
    port: int
    log: Path

    @property
    def key(self) -> Path:
        """The private key that it lets in."""
        return self.directory / "key"

    @property
    def known_hosts(self) -> Path:
        """What knows the server."""
        return self.directory / "known_hosts"

    def url(self, repository: Path) -> str:
        """Return where a repository is by ssh."""
        return f"ssh://{getpass.getuser()}@127.0.0.1:{self.port}{repository}"

    def know(self, key: str) -> None:
        """Write what key the server is known by: one of those that `made` makes."""
        public = (self.directory / f"{key}.pub").read_text()
        self.known_hosts.write_text(f"[127.0.0.1]:{self.port} {public}")


def made(directory: Path, name: str) -> Path:
    """Make a key."""
    path = directory / name
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)]
    subprocess.run(command, check=True, timeout=30)
    return path


@contextmanager
def ssh_server(directory: Path) -> Iterator[SshServer]:
    """Run a server for who runs the tests; it ends with the block."""
    if os.getuid() == 0:
        _PRIVILEGES.mkdir(mode=0o755, exist_ok=True)
    directory.mkdir(mode=0o700)
    server = SshServer(directory, free_port(), directory / "log")
    for name in ("host-key", "key", "another"):
        made(directory, name)
    shutil.copy(directory / "key.pub", directory / "authorized")
    server.know("host-key")
    configuration = directory / "sshd_config"
    configuration.write_text(_CONFIGURATION.format(port=server.port, directory=directory))
    with server.log.open("w") as log:
        command = [str(SSHD), "-D", "-e", "-f", str(configuration)]
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        for _ in range(400):
            if "Server listening" in server.log.read_text():
                break
            assert process.poll() is None, server.log.read_text()
            time.sleep(0.025)
        yield server
    finally:
        process.terminate()
        process.wait(10)
