"""The contract's world on a plain git server: a bare repository, its real hook, people who push."""

import base64
import hmac
import json
import os
import subprocess
import threading
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal

from bot.cli.hook import post_receive_script, update_script
from bot.decisions.facts import CheckState, MergeMethod, Permission, ReviewState
from bot.forges.plain import PlainGit
from bot.forges.plain_servers import Account, Served
from bot.pushes import REQUESTS, SAID, number_of
from tests.forges.world import CONFIG, ME
from tests.world import GIT_ENVIRONMENT

SECRET = "a secret, \"quoted\" & 'so' on"
DOMAIN = "people.example"
# Ends the server's process after the push is done, before its answer: the answer is lost.
_LOSING = """\
#!/bin/sh
updates=$(cat)
printf '%s\\n' "$updates" | "$0.real"
if [ -f lose ] && printf '%s' "$updates" | grep -q "$(cat lose)" &&
    ! printf '%s' "$updates" | grep -q refs/lockstep/; then
    rm lose
    kill -9 "$PPID"
fi
"""
_DECLINING = """\
#!/bin/sh
[ "$1" != refs/heads/main ] || { echo 'main is frozen for the audit' >&2; exit 1; }
"""


class Receiver:
    """Takes what hooks post, and answers `status`; `heard` is what was signed rightly."""

    def __init__(self, secret: str = SECRET) -> None:
        self.heard: list[dict[str, Any]] = []
        self.status = 202
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                digest = hmac.digest(secret.encode(), body, "sha256").hex()
                right = self.headers["X-Hub-Signature-256"] == f"sha256={digest}"
                if right and receiver.status == 202:
                    receiver.heard.append(json.loads(body.decode("utf-8", "replace")))
                self.send_response(receiver.status if right else 401)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Listen no more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _WithoutForge:
    """What only a forge lets happen; rules that need it do not apply."""

    def rename(self, name: str) -> None:
        raise NotImplementedError

    def person(self, login: str, permission: Permission, *, by_team: bool = False) -> None:
        raise NotImplementedError

    def team(self, team: str, members: dict[str, Literal["active", "pending"]]) -> None:
        raise NotImplementedError

    def open_issue_as(self, person: str, body: str) -> int:
        raise NotImplementedError

    def open_from_fork(self, person: str, head: str) -> int:
        raise NotImplementedError

    def reopen_as(self, person: str, number: int) -> None:
        raise NotImplementedError

    def acknowledgements(
        self, number: int, comment: int, *, on_pull_request: bool = True
    ) -> Sequence[str]:
        raise NotImplementedError

    def allow(self, *methods: MergeMethod) -> None:
        raise NotImplementedError

    def refuses_rebase(self) -> str:
        raise NotImplementedError

    def limit(self, method: str) -> None:
        raise NotImplementedError


class PlainWorld(_WithoutForge):
    """A server that takes everybody's word for who they are by REMOTE_USER, as a web server's."""

    def __init__(self, root: Path, receiver: Receiver, clock: Any = None) -> None:
        self.root, self.receiver = root, receiver
        self.bare = root / "srv" / "acme" / "config.git"
        self.clone = root / "clone"
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(root),
            **GIT_ENVIRONMENT,
        }
        self._made()
        more = {} if clock is None else {"clock": clock}
        self.forge = PlainGit(
            Served({CONFIG: str(self.bare)}),
            Account(ME, SECRET, token="only-for-http", domains=(DOMAIN,)),
            root / "state",
            **more,
        )

    def _made(self) -> None:
        self.bare.parent.mkdir(parents=True)
        self.git("init", "--quiet", "--bare", "--initial-branch=main", str(self.bare), at=self.root)
        self.git("init", "--quiet", "--initial-branch=main", str(self.clone), at=self.root)
        self.git("remote", "add", "origin", str(self.bare))
        (self.clone / "app.yaml").write_text("a: 1\n")
        self.commit("bob", "Begin")
        self.git("push", "--quiet", "origin", "main", "main:development")
        self.install()

    def install(self, **settings: Any) -> None:
        """Install the hook that `lockstep hook post-receive` prints."""
        secret = self.root / "secret"
        if not secret.exists():
            secret.write_text(f"{SECRET}\n")
            secret.chmod(0o600)
        wanted = {"url": self.receiver.url, "repository": CONFIG, "bot": ME, **settings}
        script = post_receive_script(secret_file=str(secret), **wanted)
        self._install("post-receive.real", script)
        self._install("post-receive", _LOSING)

    def _install(self, name: str, script: str) -> None:
        hook = self.bare / "hooks" / name
        hook.write_text(script)
        hook.chmod(0o755)

    # Git

    def git(
        self,
        *arguments: str,
        at: Path | None = None,
        user: str | None = None,
        stdin: bytes = b"",
        environment: Mapping[str, str] | None = None,
        check: bool = True,
    ) -> str:
        """Run git, as a person whom the server lets in; return what it prints."""
        done = self.run(*arguments, at=at, user=user, stdin=stdin, environment=environment)
        if check and done.returncode:
            raise AssertionError(f"git {arguments}: {done.stderr.decode()}")
        return done.stdout.decode(errors="replace").rstrip("\n")

    def run(
        self,
        *arguments: str,
        at: Path | None = None,
        user: str | None = None,
        stdin: bytes = b"",
        environment: Mapping[str, str] | None = None,
    ) -> "subprocess.CompletedProcess[bytes]":
        """Run git and return all that there is to see."""
        extra = {"REMOTE_USER": user} if user else {}
        return subprocess.run(
            ["git", *arguments],
            cwd=at or self.clone,
            env=self.environment | extra | dict(environment or {}),
            input=stdin,
            capture_output=True,
            check=False,
            timeout=60,
        )

    def commit(self, login: str, message: str, address: str | None = None) -> str:
        self.git("add", "--all")
        who = address or f"{login}@{DOMAIN}"
        person = {
            "GIT_AUTHOR_NAME": login,
            "GIT_AUTHOR_EMAIL": who,
            "GIT_COMMITTER_NAME": login,
            "GIT_COMMITTER_EMAIL": who,
        }
        self.git("commit", "--quiet", "--allow-empty", "-m", message, environment=person)
        return self.git("rev-parse", "HEAD")

    def _on(self, branch: str) -> None:
        self.git("fetch", "--quiet", "--prune", "origin")
        begun = self.run("rev-parse", "--verify", "--quiet", f"refs/remotes/origin/{branch}")
        start = branch if not begun.returncode else "main"
        self.git("checkout", "--quiet", "--force", "--detach", f"refs/remotes/origin/{start}")

    def push(self, branch: str, text: str, user: str = "bob") -> str:
        self._on(branch)
        (self.clone / f"{branch.replace('/', '-')}.txt").write_text(text)
        return self._pushed(branch, user, f"Change {branch}")

    def _pushed(
        self, branch: str, user: str | None, message: str, address: str | None = None
    ) -> str:
        sha = self.commit(user or "stranger", message, address)
        self.git("push", "--quiet", "origin", f"HEAD:refs/heads/{branch}", user=user)
        return sha

    def put(self, branch: str, path: str, text: str) -> str:
        """Write a file on a branch, as the bot's own login, which gives nobody a permission."""
        self._on(branch)
        (self.clone / path).write_text(text)
        return self._pushed(branch, ME, f"Write {path}")

    def write_as(self, login: str, message: str) -> str:
        self._on("development")
        (self.clone / "written.txt").write_text(message)
        return self._pushed("development", login, message)

    def write_by_address(self, address: str) -> str:
        self._on("development")
        (self.clone / "written.txt").write_text(address)
        return self._pushed("development", ME, "Change", address)

    def noreply(self, login: str) -> str:
        return f"{login}@{DOMAIN}"

    def delete(self, branch: str) -> None:
        self.close("bob", branch)

    def close(self, person: str, branch: str) -> None:
        """Delete a branch as somebody."""
        self.git("push", "--quiet", "origin", f":refs/heads/{branch}", user=person)

    def head(self, branch: str) -> str:
        return self.git("rev-parse", f"refs/heads/{branch}", at=self.bare)

    def message(self, sha: str) -> str:
        return self.git("log", "-1", "--format=%B", sha, at=self.bare).rstrip("\n")

    # What people say, as the command line pushes it

    def word(self, person: str, said: object, ref: str | None = None) -> str:
        """Push what somebody says; return what the server's hook answered."""
        content = said if isinstance(said, bytes) else json.dumps(said).encode()
        oid = self.git("hash-object", "-w", "--stdin", stdin=content)
        ref = ref or f"{SAID}{uuid.uuid4()}"
        done = self.run("push", "--quiet", "origin", f"{oid}:{ref}", user=person)
        assert done.returncode == 0, done.stderr
        return done.stderr.decode()

    def words(self, person: str, said: Sequence[object]) -> None:
        """Push many words at once, in their order."""
        specs = []
        for at, one in enumerate(said):
            oid = self.git("hash-object", "-w", "--stdin", stdin=json.dumps(one).encode())
            specs.append(f"{oid}:{SAID}{at:04}")
        self.git("push", "--quiet", "origin", *specs, user=person)

    def report(
        self, sha: str, name: str, state: CheckState, *, by: Literal["status", "run"]
    ) -> None:
        del by
        self.word("ci", {"check": name, "state": state, "sha": sha})

    def review(self, number: int, person: str, state: ReviewState) -> None:
        sha = self.head(self._request(number)["head"])
        self.word(person, {"on": number, "review": state, "sha": sha})

    def tick(self) -> None:
        """Reviews name their commits here."""

    def say(self, number: int, person: str, body: str, **_: bool) -> int:
        self.word(person, {"on": number, "say": body})
        return number_of(f"{self.receiver.heard[-1]['delivery']}/0")

    def open_as(self, person: str, head: str, base: str) -> int:
        """Do nothing: a person's branch is a branch, and no pull request."""
        del person, head, base
        return 0

    def comments(self, number: int, **_: bool) -> Sequence[tuple[str, str]]:
        self.forge.repository("acme", "config")  # so that what was heard is written down
        return [(one["by"], one["text"]) for one in self._request(number).get("remarks", [])]

    def _request(self, number: int) -> dict[str, Any]:
        for folder in ("open", "closed"):
            path = f"{REQUESTS}:{folder}/{number}/request.json"
            shown = self.run("show", path, at=self.bare)
            if not shown.returncode:
                found: dict[str, Any] = json.loads(shown.stdout)
                return found
        return {}

    def close_as(self, person: str, number: int) -> None:
        self.close(person, self._request(number)["head"])

    def merge_as(self, person: str, number: int) -> str:
        """Merge as people do here: by pushing."""
        request = self._request(number)
        self.git("fetch", "--quiet", "origin")
        head = f"refs/remotes/origin/{request['head']}"
        self.git("push", "--quiet", "origin", f"{head}:refs/heads/{request['base']}", user=person)
        return self.head(request["base"])

    def allow(self, *methods: str) -> None:
        """Git knows no methods."""

    def protect(self) -> None:
        """Install the hook that `lockstep hook update` prints."""
        self._install("update", update_script(bot=ME))

    def block(self, number: int) -> str:
        assert number
        self._install("update", _DECLINING)
        return "main is frozen for the audit"

    def lose(self, method: str) -> None:
        ref = "refs/heads/main" if method == "merge" else f"refs/heads/{REQUESTS}"
        (self.bare / "lose").write_text(ref)

    def heard(self) -> list[str]:
        """Return the refs that the hook has left on the server."""
        refs = self.git("for-each-ref", "--format=%(refname)", "refs/lockstep", at=self.bare)
        return refs.split()


def encoded(said: object) -> str:
    """Return what is said as the hook's document has it."""
    return base64.b64encode(json.dumps(said).encode()).decode()


@contextmanager
def plain_world(root: Path, secret: str = SECRET) -> Iterator[PlainWorld]:
    """Give a world, and end what it runs."""
    root.mkdir(exist_ok=True)
    receiver = Receiver(secret)
    world = PlainWorld(root, receiver)
    try:
        yield world
    finally:
        world.forge.close()
        receiver.close()
