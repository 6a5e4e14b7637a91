"""Learn what rules ask about besides content: who wrote it, its labels, who is in which team.

The forge is asked for no more than some rule looks at.
"""

from collections.abc import Iterator

from bot.decisions.policy import Policies
from bot.engine.candidate import Plan
from bot.forges.forge import NotFound
from bot.policies.effective import Known
from config.policy import CODE_OWNERS
from config.rules import When
from workflows.sites import Site
from workflows.values.promotion import PromotionState

# Of a promotion of more, the labels of these tell enough: each costs a call.
_MOST_LABELLED = 30
_MAY_WRITE = frozenset({"write", "maintain", "admin"})


def learn(
    site: Site, state: PromotionState, plan: Plan | None, *, ask: bool
) -> tuple[PromotionState, Known]:
    """Return what rules may ask about, and the promotion with what had to be asked for.

    What is known already is asked for again where we `ask`, because something has changed.
    """
    conditions = list(_conditions(site.policies))
    found: dict[str, object] = {}
    by_author = any(when.authors or when.authors_outside for when in conditions)
    if plan is not None and by_author and state.authors is None:
        found["authors"] = authors_of(site, plan)
    by_label = any(when.labels for when in conditions)
    if plan is not None and by_label and (ask or state.labels is None):
        found["labels"] = _labels(site, state, plan)
    state = state.model_copy(update=found)
    return state, Known(
        now=site.now,
        authors=None if state.authors is None else frozenset(state.authors),
        labels=None if state.labels is None else frozenset(state.labels),
        people=_people(site, conditions),
    )


def authors_of(site: Site, plan: Plan) -> tuple[str, ...]:
    """Return who wrote what a plan promotes, as the forge maps them."""
    commits = [commit.sha for commit in plan.commits]
    authors = site.forge.authors(site.name, commits) if commits else {}
    return tuple(sorted({login for some in authors.values() for login in some}))


def may_write(site: Site, person: str) -> bool:
    """Whether somebody may write to the repository."""
    return site.forge.permission(site.name, person) in _MAY_WRITE


def _conditions(policies: Policies) -> Iterator[When]:
    for layer in policies.layers:
        for rule in layer.rules:
            yield rule.when


def _labels(site: Site, state: PromotionState, plan: Plan) -> tuple[str, ...]:
    mark = site.words.mark
    marks = dict.fromkeys(each for commit in plan.commits for each in commit.pull_requests)
    numbers = [int(each.removeprefix(mark)) for each in marks if each.startswith(mark)]
    own = [state.number] if state.number is not None else []
    labels: set[str] = set()
    for number in [*own, *numbers[:_MOST_LABELLED]]:
        try:
            labels |= site.forge.pull_request(site.name, number).labels
        except NotFound:
            continue  # a number of another repository's, or of an issue
    return tuple(sorted(labels))


def _people(site: Site, conditions: list[When]) -> dict[str, frozenset[str] | None]:
    """Return who is in the teams and roles that rules name."""
    asked = {name for when in conditions for name in (*when.authors, *when.authors_outside)}
    roles = site.policies.roles
    found: dict[str, frozenset[str] | None] = {}
    for name in sorted(asked):
        if name in roles:
            found[name] = people_of(site, name)
        elif name.startswith("@"):
            found[name.removeprefix("@")] = site.forge.members(name.removeprefix("@"))
    return found


def people_of(site: Site, role: str) -> frozenset[str] | None:
    """Return the people of a role, teams resolved; None where a team may not be seen.

    A role that nobody has said who it is has no people.
    """
    said = site.policies.roles.get(role)
    if said is None:
        # Who the owners are depends on what changes; their own facts say it.
        return None if role == CODE_OWNERS else frozenset()
    people = set(said.users)
    for team in said.teams:
        members = site.forge.members(team)
        if members is None:
            return None
        people |= members
    return frozenset(people)
