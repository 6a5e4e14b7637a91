"""Do what people ask of a repository in comments, permission first, and answer each once."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from bot.decisions import commands as c
from bot.decisions.commands import Command, Unclear, parse_comment
from bot.decisions.gates.times import stopped
from bot.decisions.permissions import Allowed, Refused, may
from bot.forges.forge import NotFound
from bot.markdown import cut, sentence
from bot.messages import drift, replies, rollback, usage
from bot.words import Words
from config.schema import Config
from webhook.events import Comment
from workflows import freezing
from workflows.beginning import Beginnings
from workflows.planning import Calendar
from workflows.putting_off import Allowance
from workflows.settling import keep_place, settle_place
from workflows.sites import Site
from workflows.taking import acknowledge, defused, say, who, write_below
from workflows.values.pipeline import Remembered, Unsaid
from workflows.watching import comparisons


def asked_to_promote(comment: Comment, words: Words) -> c.Promote | None:
    """Return the first promotion that a comment asks for."""
    said = parse_comment(comment.text, words)
    return next((one for one in said if isinstance(one, c.Promote)), None)


def not_configured(site: Site, comment: Comment) -> None:
    """Say once, to somebody who may promote, why there is nothing to promote by."""
    asked = asked_to_promote(comment, site.words)
    if asked is None:
        return
    if not isinstance(may(asked, who(site, comment, asked), {}, site.words), Allowed):
        return
    problem = site.in_force.problem
    text = drift.broken(problem) if problem else replies.not_configured(site.name)
    write_below(site, comment, "not-configured", [text])


class Answers:
    """Answers what people say in one repository.

    `remembered` are wishes that wait for a merge; `unsaid` are answers whose commands are
    done, and that the forge's limit did not allow to give.
    """

    def __init__(
        self,
        site: Site,
        config: Config,
        beginnings: Beginnings,
        calendar: Calendar,
        allowed: Allowance,
        remembered: Sequence[Remembered],
        now: datetime,
    ) -> None:
        self._site, self._config, self._now = site, config, now
        self._beginnings, self._calendar, self._allowed = beginnings, calendar, allowed
        self.remembered = list(remembered)
        self.unsaid: tuple[Unsaid, ...] = ()

    def answer(self, comment: Comment) -> None:
        """Do what a comment asks for, and say what has come of it."""
        site, answers = self._site, list[str]()
        acknowledge(site, [comment])
        for command in parse_comment(comment.text, site.words):
            if isinstance(command, Unclear):
                answers.append(command.answer)
                continue
            giver, policies = who(site, comment, command), site.policies
            verdict = may(command, giver, policies.roles, site.words, policies.override)
            if isinstance(verdict, Refused):
                answers.append(verdict.reason)
            elif isinstance(verdict, Allowed):
                with defused(answers, command.kind, site.words):
                    answers.append(self._done(comment, command))
        if answers:
            # What was done is not done over, where only the answer has to wait.
            self.say([Unsaid(comment=comment, answers=tuple(answers))])

    def say(self, answers: Sequence[Unsaid]) -> None:
        """Give answers, as far as the forge allows."""
        self.unsaid += self._allowed.each(
            answers,
            lambda one: say(self._site, one.comment, one.answers, "answer-of-the-repository"),
        )

    def _done(self, comment: Comment, command: Command) -> str:  # noqa: C901, PLR0911 - one for each command
        """Do what one command asks for; return the answer."""
        site, config = self._site, self._config
        match command:
            case c.Promote(environment, at):
                if at is not None:
                    return self._calendar.add(config, comment, environment, at, self._now)
                return self._promote(comment, environment)
            case c.Cancel(environment):
                return self._cancel(comment, environment)
            case c.Status() | c.Drift():
                return self._overview(with_places=isinstance(command, c.Drift))
            case c.Help():
                return usage.help_text(site.words)
            case c.Keep(path, key):
                return keep_place(site, config, comment, path, key)
            case c.Discard() | c.Resolve():
                return settle_place(site, config, comment, command)
            case c.Freeze(reason):
                return self._freeze(comment, reason)
            case c.Thaw():
                ended = freezing.go_on(site)
                return replies.thawed(ended, site.inherited.stops)
            case c.Rollback(environment):
                return self._beginnings.roll_back(environment, comment.author)
            case _:
                return replies.not_here(command.kind, site.words)

    def _promote(self, comment: Comment, name: str) -> str:
        """Promote at once, or once the pull request where it was said is merged into the source."""
        known = {e.name: self._config.source_of(e) for e in self._config.environments}
        source = known.get(name)
        if comment.on_pull_request and source is not None and self._number(name) != comment.number:
            try:
                request = self._site.forge.pull_request(self._site.name, comment.number)
            except NotFound:
                # On a plain git server a person names the number: it may be of an issue.
                return self._beginnings.promote(name, comment.author).answer
            if request.state == "open" and request.base_branch != source.branch:
                return replies.not_into_its_source(
                    request.base_branch, name, source.name, self._site.words
                )
            if request.state == "open":
                wish = Remembered(number=comment.number, environment=name, person=comment.author)
                if wish not in self.remembered:
                    self.remembered.append(wish)
                return replies.remembered(name)
        return self._beginnings.promote(name, comment.author).answer

    def _number(self, name: str) -> int | None:
        """Return the pull request of the promotion that is open into an environment."""
        opened = self._beginnings.open.get(name)
        return opened.number if opened else None

    def _cancel(self, comment: Comment, name: str | None) -> str:
        """Take back what is planned; a promotion that is open is cancelled where it stands."""
        answer = self._calendar.cancel(comment.number, name)
        if answer or not name:
            return answer or replies.not_here("cancel", self._site.words)
        return replies.nothing_planned(name, self._number(name), self._site.words)

    def _freeze(self, comment: Comment, reason: str) -> str:
        before = self._site.stops
        stop = freezing.stop(self._site, comment.author, reason, self._now)
        own = any(not one.where for one in before)
        return replies.frozen(stop, self._site.words, already=own)

    def _overview(self, *, with_places: bool) -> str:
        words, problem = self._site.words, self._site.in_force.problem
        found = comparisons(self._site, self._config)
        opened = {name: one.number for name, one in self._beginnings.open.items()}
        table = drift.overview(found, opened, words)
        parts = [drift.broken(problem) if problem else "", table, *self._notes()]
        if with_places and (places := drift.differences(found, words)):
            parts.append(cut(places))
        return "\n\n".join(part for part in parts if part)

    def _notes(self) -> Iterator[str]:
        """Yield what stands in no table."""
        if stops := self._site.stops:
            yield f"**Nothing merges**: {sentence(stopped(stops))}."
        for one in self._beginnings.open.values():
            if one.rolls_back:
                yield rollback.under_way(one.environment, one.number, self._site.words)
        for planned in self._calendar.planned:
            yield replies.is_planned(planned.environment, planned.wall, planned.person)
