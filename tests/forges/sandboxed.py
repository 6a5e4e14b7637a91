"""What the contract's worlds on the sandbox have in common, whichever forge it plays."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, Generic, Literal, TypeVar

from bot.forges.forge import Forge
from tests.forges.world import CONFIG, ME
from tests.sandbox.conftest import Forge as Sandbox
from tests.sandbox.conftest import running

F = TypeVar("F", bound=Forge)


class Sandboxed(Generic[F]):
    """The sandbox with everybody in it, and the bot's adapter."""

    # Where the effect of a method of `Forge` is made, as the sandbox's faults are told.
    routes: ClassVar[Mapping[str, tuple[str, str]]]
    # How the forge says that there were too many calls.
    limited: ClassVar[Mapping[str, Any]]

    def __init__(self, sandbox: Sandbox, forge: F) -> None:
        self.sandbox = sandbox
        self.forge = forge
        self.repository = CONFIG

    @property
    def do(self) -> Any:
        return self.sandbox.do

    def write_as(self, login: str, message: str) -> str:
        text = {"written.txt": message}
        sha: str = self.do.commit(self.repository, "development", text, login, message)
        return sha

    def lose(self, method: str) -> None:
        self.fail(method, lose=True)

    def limit(self, method: str) -> None:
        self.fail(method, headers={"Retry-After": "60"}, **self.limited)

    def fail(self, method: str, **fault: Any) -> None:
        verb, path = self.routes[method]
        self.do.inject(method=verb, path=path, **fault)

    def calls(self) -> dict[str, int]:
        """Return how often each route was called since this was asked last."""
        found = {f"{row['method']} {row['route']}": row["count"] for row in self.do.calls()}
        self.do.reset_calls()
        return found


@contextmanager
def founded(
    root: Path, forge: Literal["github", "gitlab"], found: Callable[[Sandbox], object]
) -> Iterator[Sandbox]:
    """Run a sandbox with acme/config on main and development; `found` founds acme, alice's."""
    with running(root, forge) as sandbox:
        sandbox.token("alice")
        found(sandbox)
        sandbox.do.add_repository(CONFIG, {"app.yaml": "a: 1\n"}, ["development"])
        for login in ("bob", ME):
            sandbox.token(login)
            sandbox.do.set_role(CONFIG, login, "write")
        yield sandbox
