"""Repositories as a worker works on them: forge, mirror and configuration in one hand."""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bot.decisions.facts import Stop
from bot.decisions.policy import Policies
from bot.engine.drift import CONFIGURATION
from bot.engine.keep import Keep
from bot.forges.forge import Forge, NotFound, RepositoryInfo
from bot.git_http import Lines
from bot.mirror import Mirror, MirroredRepository
from bot.model import ForgeName, Head
from bot.probes import Outside
from bot.repository import RepositoryError
from bot.together import together
from bot.words import Words, words_for
from config.load import load
from config.schema import Config, Environment
from workflows.inheriting import Inheritance, Inherited
from workflows.newest import newest_that_loads
from workflows.plans import Plans
from workflows.stops import FREEZE, read_stop
from workflows.values.base import RepositoryKey

# How long what a forge says of a repository itself is believed without asking again.
_INFO_KEPT = timedelta(minutes=10)

Clock = Callable[[], datetime]
Meanwhile = Callable[[Forge, str], None]
"""Asks a forge about a repository, OWNER/NAME."""


def now() -> datetime:
    """Return the present moment; the one clock of all activities."""
    return datetime.now(UTC)  # noqa: TID251 -- activities are where time comes in


def _ask_nothing(_forge: Forge, _name: str) -> None:
    pass


@dataclass(frozen=True, slots=True)
class InForce:
    """The configuration that holds, and what is wrong with a newer one that does not load.

    Both are empty where there is no configuration.
    """

    config: Config | None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Site:
    """One repository, fetched and open."""

    key: RepositoryKey
    forge: Forge
    info: RepositoryInfo
    mirror: Mirror
    git: MirroredRepository
    in_force: InForce
    plans: Plans
    now: datetime
    inherited: Inherited
    outside: Outside
    status_first: set[tuple[RepositoryKey, str]]
    """The branches that are protected by our own status: met, and remembered for no longer."""

    @property
    def policies(self) -> Policies:
        """All that asks something of a promotion. Raises `NotFound` as `config` does."""
        return Policies(self.config, self.inherited.policies, self.inherited.problems)

    @property
    def name(self) -> str:
        """OWNER/NAME as the forge has it now."""
        return self.info.full_name

    @property
    def words(self) -> Words:
        """What the forge calls things, when we speak to people there."""
        return words_for(self.forge.name)

    @property
    def branches(self) -> frozenset[str]:
        """The branches that the bot keeps an eye on: the environments' and the default one."""
        return _branches(self.in_force) | {self.info.default_branch, FREEZE}

    @property
    def stops(self) -> tuple[Stop, ...]:
        """The freezes of everything that are in force: its own, and those that it inherits."""
        at = self.git.branch(FREEZE)
        own = () if at is None else (read_stop(self.git, at),)
        return own + self.inherited.stops

    @property
    def config(self) -> Config:
        """The configuration in force. Raises `NotFound` where there is none."""
        if self.in_force.config is None:
            missing = f"there is no {CONFIGURATION} on {self.info.default_branch}"
            raise NotFound(self.in_force.problem or missing)
        return self.in_force.config

    @property
    def keep(self) -> Keep:
        """What each environment owns."""
        return Keep(self.config.keep)

    def head(self, environment: Environment) -> Head | None:
        """Return where an environment is, None where its branch is gone."""
        sha = self.git.branch(environment.branch)
        return None if sha is None else Head(environment.name, environment.branch, sha)


class Sites:
    """Opens repositories; remembers between two steps only what git or a forge can tell again."""

    def __init__(
        self,
        forges: Mapping[str, Forge],
        mirrors: Path,
        clock: Clock = now,
        policies: Sequence[str] = (),
        outside: Outside | None = None,
    ) -> None:
        """`policies` hold for every repository: see `LOCKSTEP_POLICY_REPOSITORY`."""
        self.clock = clock
        self._inheritance = Inheritance(policies, self._open_policy, clock)
        self._outside = outside or Outside()
        self._forges, self._mirrors = forges, mirrors
        self._infos: dict[RepositoryKey, tuple[RepositoryInfo, datetime]] = {}
        self._branches: dict[RepositoryKey, frozenset[str]] = {}
        self._lock = threading.Lock()
        self._lines = Lines()
        self._plans = Plans()
        self._status_first: set[tuple[RepositoryKey, str]] = set()

    def close(self) -> None:
        """Close the connections to the remotes."""
        self._lines.close()

    def forge(self, key: RepositoryKey) -> Forge:
        """Return the forge of a repository."""
        return self._forges[key.forge]

    @contextmanager
    def open(
        self, key: RepositoryKey, *branches: str, meanwhile: Meanwhile = _ask_nothing
    ) -> Iterator[Site]:
        """Fetch a repository's environments, and `branches`, and open it.

        `meanwhile` is called while git asks, and must not raise. Raises `ForgeError`, and
        `RepositoryError` where git cannot fetch.
        """
        forge, info = self.forge(key), self._info(key)
        mirror = self._mirror(key, info)
        wanted = {info.default_branch, FREEZE, *branches, *self._branches.get(key, ())}
        git, _ = together(
            lambda: mirror.fetch(sorted(wanted)), lambda: meanwhile(forge, info.full_name)
        )
        try:
            in_force = configuration(git, info.default_branch)
            environments = _branches(in_force)
            if not environments <= wanted:
                git.look(sorted(wanted | environments))
            self._branches[key] = environments
            inherited = Inherited()
            if in_force.config is not None:
                inherited = self._inheritance.of(key.forge, info.full_name, in_force.config)
            yield Site(
                key,
                forge,
                info,
                mirror,
                git,
                in_force,
                self._plans,
                self.clock(),
                inherited,
                self._outside,
                self._status_first,
            )
        finally:
            git.close()

    @contextmanager
    def _open_policy(
        self, forge: ForgeName, name: str, *branches: str
    ) -> Iterator[tuple[MirroredRepository, str]]:
        owner, _, rest = name.rpartition("/")
        key = RepositoryKey(forge=forge, owner=owner, name=rest)
        info = self._info(key)
        git = self._mirror(key, info).fetch(sorted({info.default_branch, *branches}))
        try:
            yield git, info.default_branch
        finally:
            git.close()

    def may_be_configured(self, key: RepositoryKey) -> bool:
        """Whether a repository has a configuration, or had one: found without a clone."""
        info = self._info(key)
        is_here = self._mirror(key, info).is_made
        return is_here or self.forge(key).has_file(info.full_name, CONFIGURATION)

    def _mirror(self, key: RepositoryKey, info: RepositoryInfo) -> Mirror:
        return Mirror(
            info.clone_url,
            self._mirrors / key.forge / str(info.id),
            self.forge(key).git_token(info.owner, info.name),
            self._lines,
            info.git_user,
        )

    def look(self, key: RepositoryKey, branches: Iterable[str]) -> Mapping[str, str]:
        """Return where branches of a repository are, by one `ls-remote` and nothing else.

        What the repository is, is not asked anew. Raises `ForgeError` and `RepositoryError`.
        """
        mirror = self._mirror(key, self._info(key, kept=timedelta.max))
        try:
            return mirror.look(sorted(branches))
        except RepositoryError:
            # It may have moved; the next try asks where.
            self.forget(key)
            raise

    def forget(self, key: RepositoryKey) -> None:
        """Ask the forge again what the repository is: it was renamed, archived or moved."""
        with self._lock:
            self._infos.pop(key, None)

    def _info(self, key: RepositoryKey, *, kept: timedelta = _INFO_KEPT) -> RepositoryInfo:
        with self._lock:
            info, since = self._infos.get(key, (None, None))
        if info is None or since is None or self.clock() - since > kept:
            info = self.forge(key).repository(key.owner, key.name)
            with self._lock:
                self._infos[key] = (info, self.clock())
        return info


def _branches(in_force: InForce) -> frozenset[str]:
    if in_force.config is None:
        return frozenset()
    environments = in_force.config.environments
    mirrored = (branch for environment in environments for branch in environment.mirrors)
    return frozenset(environment.branch for environment in environments) | frozenset(mirrored)


def configuration(git: MirroredRepository, default_branch: str) -> InForce:
    """Return the newest configuration on the default branch that loads."""
    found = newest_that_loads(git, default_branch, CONFIGURATION, load)
    return InForce(found.model, found.problem)
