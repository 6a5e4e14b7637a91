"""The document as a page tells it: every sentence and link is made here, the page lays them out.

Pure: the time is an input. Nothing is escaped here: the template escapes all that it is given.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlencode

from bot.words import words_for
from webhook.dashboard.document import (
    Budget,
    Hop,
    OpenWork,
    Question,
    Status,
    Waiting,
    Working,
)

REFRESH_SECONDS = 15
LEAST_REFRESH, MOST_REFRESH = 5, 3600
_SHORT_SHA = 10
# A worker asks for work once a minute at least, and Temporal remembers it for five.
_SILENT = timedelta(minutes=2)
# Below this share of a limit somebody should know of it.
_LOW = 0.1


@dataclass(frozen=True, slots=True)
class When:
    """A moment: how long ago for people, exactly for whoever asks, and for programs."""

    ago: str
    exact: str
    iso: str


@dataclass(frozen=True, slots=True)
class Chip:
    """A count or a state in one word or two, and its kind, which the style colours."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a sentence; `code` is what stood between backticks."""

    text: str
    code: bool = False


@dataclass(frozen=True, slots=True)
class Item:
    """Something open in a hop: what, where it is, what it waits for, and notes on it."""

    title: str
    reference: str = ""
    url: str | None = None
    commit: str = ""
    waits_for: tuple[Piece, ...] = ()
    is_held: bool = False
    since: When | None = None
    opened: When | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class HopView:
    """A hop: its environments, what differs, and what is open in it."""

    source: str
    target: str
    chips: tuple[Chip, ...]
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class RepositoryView:
    """A repository: its link, what is the matter with all of it, and its hops."""

    name: str
    forge: str
    url: str | None
    warnings: tuple[tuple[Piece, ...], ...]
    hops: tuple[HopView, ...]
    left_out: int


@dataclass(frozen=True, slots=True)
class Fact:
    """A line of the installation's own state; `bad` where somebody has to do something."""

    name: str
    text: str
    bad: bool = False


@dataclass(frozen=True, slots=True)
class PageView:
    """The page."""

    repositories: tuple[RepositoryView, ...]
    facts: tuple[Fact, ...]
    text: str
    heading: str
    empty: str
    made: str
    page: int
    pages: int
    before: str | None
    after: str | None
    everything: str | None
    refresh: int | None
    toggle: str


def page(status: Status, question: Question, refresh: int | None, now: datetime) -> PageView:
    """Return the page that tells of `status`, which was asked for by `question`."""
    searched = question.text or question.repository
    nothing = "No repository is kept in lockstep yet."
    return PageView(
        repositories=tuple(_repository(one, now) for one in status.repositories),
        facts=tuple(_facts(status, now)),
        text=question.text,
        heading=_heading(status, question),
        empty=f"No repository is called {searched}." if searched else nothing,
        made=f"{status.at:%Y-%m-%d %H:%M:%S} UTC",
        page=status.page,
        pages=status.pages,
        before=_link(question, refresh, status.page - 1) if status.page > 1 else None,
        after=_link(question, refresh, status.page + 1) if status.page < status.pages else None,
        everything=_link(Question(), refresh, 1) if searched else None,
        refresh=refresh,
        toggle=_link(question, None if refresh else REFRESH_SECONDS, status.page),
    )


def refresh_of(text: str) -> int | None:
    """Return after how many seconds a page is to be loaded again; None for what is no such."""
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(MOST_REFRESH))):
        return None
    return min(max(int(text), LEAST_REFRESH), MOST_REFRESH)


def age(moment: datetime, now: datetime) -> str:
    """Return how long ago something was, in the largest unit that says something."""
    seconds = max((now - moment).total_seconds(), 0)
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length or (unit == "min" and seconds >= length):
            return f"{int(seconds // length)} {unit}"
    return f"{int(seconds)} s"


def pieces(sentence: str) -> tuple[Piece, ...]:
    """Return a sentence in its parts; a backtick without another is only a character."""
    parts = sentence.split("`")
    if len(parts) % 2 == 0:
        parts[-2:] = [f"{parts[-2]}`{parts[-1]}"]
    return tuple(Piece(part, at % 2 == 1) for at, part in enumerate(parts) if part)


def _when(moment: datetime | None, now: datetime) -> When | None:
    if moment is None:
        return None
    return When(age(moment, now), f"{moment:%Y-%m-%d %H:%M:%S} UTC", moment.isoformat())


def _link(question: Question, refresh: int | None, number: int) -> str:
    asked = {
        "q": question.text,
        "repo": question.repository,
        "page": str(number) if number > 1 else "",
        "refresh": str(refresh or ""),
    }
    return "/?" + urlencode({name: value for name, value in asked.items() if value})


def _heading(status: Status, question: Question) -> str:
    repositories = _counted(status.total, "repository", "repositories")
    if question.repository:
        return question.repository
    if question.text:
        return f"{repositories} with “{question.text}” in the name"
    promotions = _counted(status.open, "open promotion", "open promotions")
    return f"{repositories}, {promotions}"


def _counted(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"


# The installation


def _facts(status: Status, now: datetime) -> Iterator[Fact]:
    yield Fact("Temporal", "answers")
    yield _workers(status.workers, now)
    if not status.budgets:
        yield Fact("Calls left", "not known here: each worker's /metrics tells its own")
    for one in status.budgets:
        yield _budget(one)


def _workers(workers: Sequence[Working], now: datetime) -> Fact:
    if not workers:
        return Fact("Workers", "none has asked for work: start `lockstep worker`", bad=True)
    newest = max(one.seen for one in workers)
    silent = sum(now - one.seen > _SILENT for one in workers)
    number = _counted(len(workers) - silent, "worker", "workers")
    lost = f"; {silent:,} not heard of any more" if silent else ""
    text = f"{number}, last heard of {age(newest, now)} ago{lost}"
    return Fact("Workers", text, bad=silent == len(workers))


def _budget(one: Budget) -> Fact:
    is_low = one.calls is not None and one.calls < _LOW * (one.calls_limit or 0)
    return Fact(one.token, one.in_words, bad=is_low or one.resting_until is not None)


# Repositories


def _repository(work: OpenWork, now: datetime) -> RepositoryView:
    warnings = (
        work.frozen and f"Nothing merges: {work.frozen}",
        work.problem and f"The configuration: {work.problem}",
        work.unanswered,
    )
    return RepositoryView(
        name=work.repository,
        forge=words_for(work.forge).forge,
        url=work.url,
        warnings=tuple(pieces(warning) for warning in warnings if warning),
        hops=tuple(_hops(work, now)),
        left_out=work.left_out,
    )


def _hops(work: OpenWork, now: datetime) -> Iterator[HopView]:
    """Yield every hop; one that only its promotion tells of comes last."""
    items = _items(work, now)
    for hop in work.hops:
        yield HopView(hop.source, hop.target, _chips(hop), tuple(items.pop(hop.target, ())))
    for target, rest in items.items():
        yield HopView("", target, (), tuple(rest))


def _chips(hop: Hop) -> tuple[Chip, ...]:
    counts = (
        ("conflict", _counted(hop.conflict, "conflict", "conflicts"), hop.conflict),
        ("drift", f"{hop.drift:,} drifted", hop.drift),
        ("pending", f"{hop.pending:,} pending", hop.pending),
        ("held", f"{hop.held:,} held back", hop.held),
    )
    found = tuple(Chip(kind, text) for kind, text, number in counts if number)
    return found or (Chip("in-sync", "in sync"),)


def _items(work: OpenWork, now: datetime) -> dict[str, list[Item]]:
    """Return what is open, by the environment that it is about."""
    words = words_for(work.forge)
    found: dict[str, list[Item]] = {}
    for one in work.promotions:
        found.setdefault(one.environment, []).append(_promotion(work, one, now))
    for home in work.back_merges:
        found.setdefault(home.environment, []).append(
            Item(
                f"Back-merge of {home.environment}",
                reference=words.reference(home.pull_request),
                url=home.url,
                waits_for=pieces(f"to be merged, or declared with `{words.command('keep')}`"),
            )
        )
    for later in work.planned:
        found.setdefault(later.environment, []).append(
            Item(
                f"Promotion to {later.environment}",
                waits_for=pieces(f"planned for {later.wall}, by {later.by}"),
            )
        )
    return found


def _promotion(work: OpenWork, one: Waiting, now: datetime) -> Item:
    words = words_for(work.forge)
    return Item(
        f"{'Roll-back of' if one.rolls_back else 'Promotion to'} {one.environment}",
        reference=words.reference(one.pull_request) if one.pull_request else "",
        url=one.url,
        commit=one.source[:_SHORT_SHA],
        waits_for=pieces(one.waits_for),
        is_held=one.hold is not None,
        since=_when(one.since, now),
        opened=_when(one.opened, now) if _is_older(one) else None,
        notes=tuple(_notes(one)),
    )


def _is_older(one: Waiting) -> bool:
    """Whether it is worth saying that it was open before it waited for this."""
    if one.since is None or one.opened is None:
        return one.opened is not None
    return one.since - one.opened > timedelta(minutes=1)


def _notes(one: Waiting) -> Iterator[str]:
    for sign_off in one.sign_offs:
        yield f"signed off by {sign_off.person} for {sign_off.what}"
    for override in one.overrides:
        yield f"{override.what} overridden by {override.person}"
