"""GitLab's quick actions: the lines of a note that it takes for itself, and what some do."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from bot.sandbox.gitlab_approving import approve, request_changes, unapprove
from bot.sandbox.gitlab_ask import Ask
from bot.sandbox.gitlab_merging import rebase_head, set_draft
from bot.sandbox.gitlab_mrs import set_state
from bot.sandbox.protection import may_merge
from bot.sandbox.pulls import conversation, edit_issue, make_labels, pull, retarget
from bot.sandbox.records import Issue, Pull

_NAMES = """
add_child add_contacts add_email add_parent approve assign assign_reviewer award blocked_by blocks
board_move cc checkin_reminder child child_of clear_health_status clear_weight clone close
confidential convert_to_ticket copy_metadata create_merge_request done draft due duplicate epic
estimate estimate_time health_status iteration label labels link lock merge milestone move page
parent_epic promote promote_to promote_to_incident publish react ready reassign reassign_reviewer
rebase relabel relate remove_child remove_child_epic remove_contacts remove_due_date remove_email
remove_epic remove_estimate remove_iteration remove_label remove_milestone remove_parent
remove_parent_epic remove_time_estimate remove_time_spent remove_zoom reopen request_changes
request_review reviewer run_pipeline set_parent severity ship shrug spend spend_time spent status
submit_review subscribe tableflip target_branch timeline title todo type unapprove unassign
unassign_reviewer unblock unlabel unlink unlock unrelate unsubscribe weight zoom
"""
_COMMAND = re.compile(
    rf"^/(?P<name>{'|'.join(_NAMES.split())})(?: (?P<rest>[^\n]*))?[ \t]*$", re.IGNORECASE
)
_FENCE = re.compile(r"^\s*(```|~~~)")


@dataclass(frozen=True, slots=True)
class Extracted:
    """A note without its quick actions, and these: (name, the rest of the line)."""

    text: str
    commands: tuple[tuple[str, str], ...]


def extract(body: str) -> Extracted:
    """Take GitLab's own commands out of a note; in code and quotes they are text."""
    kept: list[str] = []
    commands: list[tuple[str, str]] = []
    fenced = quoted = False
    for line in body.replace("\r\n", "\n").split("\n"):
        if _FENCE.match(line):
            fenced = not fenced
        if line.strip() == ">>>":
            quoted = not quoted
        found = None if fenced or quoted else _COMMAND.match(line)
        if found is None:
            kept.append(line)
        else:
            commands.append((found["name"].lower(), (found["rest"] or "").strip()))
    if not commands:
        return Extracted(body, ())
    return Extracted("\n".join(kept).strip(), tuple(commands))


def obey(ask: Ask, about: Issue, commands: tuple[tuple[str, str], ...]) -> list[str]:
    """Do what of these applies here; returns a sentence for each that did."""
    said: list[str] = []
    for name, rest in commands:
        told = None
        if about.is_pull and name in _ON_PULLS:
            asked = pull(ask.world, ask.repo, about.number)
            told = _ON_PULLS[name](ask, asked, rest)
        elif name in _ON_BOTH:
            told = _ON_BOTH[name](ask, about, rest)
        if told:
            said.append(told)
        about = _again(ask, about)
    return said


def _again(ask: Ask, about: Issue) -> Issue:
    return ask.world.store.get(Issue, about.id, ask.repo.id) or about


def _may(ask: Ask) -> bool:
    return ask.world.may(ask.repo, ask.who, "write")


def _close(ask: Ask, asked: Pull, rest: str) -> str | None:
    del rest
    own = conversation(ask.world, asked).author_id == ask.who.id
    if not _may(ask) and not own:
        return None
    set_state(ask, asked, "close")
    return "Closed this merge request."


def _reopen(ask: Ask, asked: Pull, rest: str) -> str | None:
    del rest
    if not _may(ask):
        return None
    set_state(ask, asked, "reopen")
    return "Reopened this merge request."


def _approve(ask: Ask, asked: Pull, rest: str) -> str | None:
    del rest
    return "Approved the current merge request." if approve(ask, asked) else None


def _unapprove(ask: Ask, asked: Pull, rest: str) -> str | None:
    del rest
    return "Unapproved the current merge request." if unapprove(ask, asked) else None


def _request_changes(ask: Ask, asked: Pull, rest: str) -> str | None:
    del rest
    done = request_changes(ask, asked)
    return "Changes requested to the current merge request." if done else None


def _submit(ask: Ask, asked: Pull, rest: str) -> str | None:
    if rest == "approve":
        return _approve(ask, asked, "")
    return _request_changes(ask, asked, "") if rest == "requested_changes" else None


def _draft(ask: Ask, asked: Pull, rest: str) -> str | None:
    del rest
    title = conversation(ask.world, asked).title
    if not _may(ask):
        return None
    if not asked.draft:
        set_draft(ask.world, ask.repo, ask.who, asked, f"Draft: {title}")
    return "Marked this merge request as a draft."


def _ready(ask: Ask, asked: Pull, rest: str) -> str | None:
    del rest
    title = conversation(ask.world, asked).title
    if not _may(ask) or not asked.draft:
        return None
    set_draft(ask.world, ask.repo, ask.who, asked, re.sub(r"(?i)^\W*draft\W*", "", title))
    return "Marked this merge request as ready."


def _target(ask: Ask, asked: Pull, rest: str) -> str | None:
    if not _may(ask) or f"refs/heads/{rest}" not in ask.repo.refs:
        return None
    retarget(ask.world, ask.repo, asked, ask.who, rest)
    return f"Set target branch to {rest}."


def _rebase(ask: Ask, asked: Pull, rest: str) -> str | None:
    del rest
    if not _may(ask):
        return None
    rebase_head(ask.world, ask.repo, asked, ask.who)
    return "Scheduled a rebase of branch."


def _merge(ask: Ask, asked: Pull, rest: str) -> str | None:
    del rest
    if not may_merge(ask.world, ask.repo, ask.who, asked.base_ref):
        return None
    ask.world.store.put(replace(asked, auto_merge={"user_id": ask.who.id}))
    return "Scheduled to merge this merge request when the pipeline succeeds."


def _title(ask: Ask, about: Issue, rest: str) -> str | None:
    if not rest or not _may(ask):
        return None
    edit_issue(ask.world, ask.repo, ask.who, about, title=rest)
    return f'Changed the title to "{rest}".'


def _label(ask: Ask, about: Issue, rest: str) -> str | None:
    names = re.findall(r"~(?:\"([^\"]+)\"|(\S+))", rest)
    wanted = [quoted or plain for quoted, plain in names]
    known = [name for name in wanted if ask.world.label(ask.repo, name)]
    if not known or not ask.world.may(ask.repo, ask.who, "read"):
        return None
    labels = make_labels(ask.world, ask.repo, [*about.labels, *known])
    edit_issue(ask.world, ask.repo, ask.who, about, labels=labels)
    return f"Added {' '.join(f'~{name}' for name in known)} label."


def _issue_state(state: str, told: str) -> Callable[[Ask, Issue, str], str | None]:
    def change(ask: Ask, about: Issue, rest: str) -> str | None:
        del rest
        if about.author_id != ask.who.id and not ask.world.may(ask.repo, ask.who, "read"):
            return None
        edit_issue(ask.world, ask.repo, ask.who, about, state=state)
        return told

    return change


_ON_PULLS: Mapping[str, Callable[[Ask, Pull, str], str | None]] = {
    "close": _close,
    "reopen": _reopen,
    "approve": _approve,
    "unapprove": _unapprove,
    "request_changes": _request_changes,
    "submit_review": _submit,
    "draft": _draft,
    "ready": _ready,
    "target_branch": _target,
    "rebase": _rebase,
    "merge": _merge,
}
_ON_BOTH: Mapping[str, Callable[[Ask, Issue, str], str | None]] = {
    "close": _issue_state("closed", "Closed this issue."),
    "reopen": _issue_state("open", "Reopened this issue."),
    "title": _title,
    "label": _label,
}
