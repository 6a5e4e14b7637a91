"""The policies that a repository inherits: read from their own repositories, and believed.

Whoever runs the server names policies that hold everywhere; a repository may name another,
of its own owner. What cannot be read now stays in force as it was read last; what never
could be closes a gate.
"""

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot.decisions.facts import Stop
from bot.engine.objects import MissingObject
from bot.forges.forge import ForgeError
from bot.mirror import MirroredRepository
from bot.model import ForgeName
from bot.repository import RepositoryError
from config.load import load_organisation
from config.organisation import POLICY_FILE, Organisation
from config.schema import Config
from workflows.newest import newest_that_loads
from workflows.stops import FREEZE, read_stop

# How long what was read is believed without looking again: a stop is to be heard soon.
_BELIEVED = timedelta(seconds=15)
_LONGEST_CHAIN = 5

_log = logging.getLogger(__name__)

# Opens a repository of a forge, OWNER/NAME, with its default branch and one more.
Open = Callable[[ForgeName, str, str], AbstractContextManager[tuple[MirroredRepository, str]]]


@dataclass(frozen=True, slots=True)
class Inherited:
    """What a repository inherits, nearest first.

    `problems` say why something that it should inherit cannot be told; they close a gate.
    `stops` are freezes of all that inherits.
    """

    policies: tuple[Organisation, ...] = ()
    problems: tuple[str, ...] = ()
    stops: tuple[Stop, ...] = ()


@dataclass(frozen=True, slots=True)
class _Read:
    """A policy as it was read, when, and what was wrong; `frozen` says who stopped all, and why."""

    at: datetime
    policy: Organisation | None = None
    problem: str = ""
    frozen: Stop | None = None


class Inheritance:
    """Reads policies, and remembers them for a while; threads may share it.

    `everywhere` are the policies of the server's settings: OWNER/NAME, or FORGE:OWNER/NAME
    where only one forge has it.
    """

    def __init__(
        self, everywhere: Sequence[str], open_: Open, clock: Callable[[], datetime]
    ) -> None:
        self._everywhere, self._open, self._clock = everywhere, open_, clock
        self._lock = threading.Lock()
        self._known: dict[tuple[ForgeName, str], _Read] = {}

    def of(self, forge: ForgeName, repository: str, config: Config) -> Inherited:
        """Return what a repository of a forge inherits, by its own file and by the settings."""
        policies: list[Organisation] = []
        problems: list[str] = []
        stops: list[Stop] = []
        wanted = list(self._wanted(forge))
        if config.inherit and config.inherit not in wanted:
            if _owner(config.inherit) == _owner(repository):
                wanted.insert(0, config.inherit)
            else:
                problems.append(
                    f"`inherit` names {config.inherit}, and {repository} may only inherit from a "
                    f"repository of {_owner(repository)}; name one, or leave `inherit` out"
                )
        for name in wanted:
            found, wrong, stopped = self._chain(forge, name)
            policies += [policy for policy in found if policy not in policies]
            problems += wrong
            stops += stopped
        return Inherited(
            tuple(policies), tuple(dict.fromkeys(problems)), tuple(dict.fromkeys(stops))
        )

    def _wanted(self, forge: ForgeName) -> Iterator[str]:
        for entry in self._everywhere:
            only, colon, name = entry.rpartition(":")
            if not colon or only == forge:
                yield name

    def _chain(
        self, forge: ForgeName, name: str
    ) -> tuple[list[Organisation], list[str], list[Stop]]:
        """Return a policy and those that it inherits itself."""
        policies: list[Organisation] = []
        problems: list[str] = []
        stops: list[Stop] = []
        names = [name]
        while True:
            read = self._read(forge, names[-1])
            if read.frozen:
                stops.append(read.frozen)
            if read.policy is None:
                problems.append(read.problem)
                return policies, problems, stops
            policies.append(read.policy)
            following = read.policy.inherit
            if following is None:
                return policies, problems, stops
            if following in names:
                circle = " from ".join([*names[names.index(following) :], following])
                problems.append(
                    f"policies inherit in a circle: {circle}; take `inherit` out of one of them"
                )
                return policies, problems, stops
            if _owner(following) != _owner(names[-1]) or len(names) == _LONGEST_CHAIN:
                problems.append(
                    f"{names[-1]} inherits from {following}, which is another owner's, or one too "
                    f"many: a policy inherits from its own owner's, {_LONGEST_CHAIN} in all at most"
                )
                return policies, problems, stops
            names.append(following)

    def _read(self, forge: ForgeName, name: str) -> _Read:
        with self._lock:
            before = self._known.get((forge, name))
        now = self._clock()
        if before is not None and now - before.at < _BELIEVED:
            return before
        try:
            read = self._now(forge, name)
        except (ForgeError, RepositoryError, MissingObject) as error:
            _log.warning("the policy of %s cannot be read: %s", name, error)
            if before is not None and before.policy is not None:
                read = replace(before, at=now)
            else:
                read = _Read(now, problem=f"the policy of {name} cannot be read: {error}")
        with self._lock:
            self._known[forge, name] = read
        return read

    def _now(self, forge: ForgeName, name: str) -> _Read:
        with self._open(forge, name, FREEZE) as (git, default_branch):
            found = newest_that_loads(git, default_branch, POLICY_FILE, load_organisation)
            stop = git.branch(FREEZE)
            frozen = read_stop(git, stop, name) if stop is not None else None
        if found.model is None:
            missing = f"{name} has no {POLICY_FILE} on {default_branch}"
            return _Read(self._clock(), None, found.problem or missing, frozen)
        if found.problem:
            _log.warning(
                "the policy of %s does not load, an older one holds: %s", name, found.problem
            )
        return _Read(self._clock(), found.model, "", frozen)


def _owner(repository: str) -> str:
    return repository.partition("/")[0].casefold()
