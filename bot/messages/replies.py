"""Answers to what people said in comments, a sentence or two each."""

from collections.abc import Collection, Iterable, Sequence

from bot.decisions.appointments import Appointment
from bot.decisions.facts import Stop
from bot.decisions.windows import spell
from bot.engine.candidate import Plan
from bot.markdown import code, plain, sentence
from bot.messages.tables import changes_table
from bot.model import State
from bot.words import Words
from config.suggest import suggest

NOTHING_HELD = "Nobody holds this promotion, so there was nothing to resume."


def reply(person: str, sentences: Iterable[str]) -> str:
    """Return an answer to somebody's comment."""
    return f"@{person} " + "\n\n".join(sentences)


def stands(reason: str) -> str:
    """Return the answer to `/status` under a promotion."""
    return (
        f"Now: {sentence(reason)}. The description above says what each gate waits for; it is "
        "always current."
    )


def not_configured(repository: str) -> str:
    """Return the one answer to `/promote` where there is nothing to promote by."""
    return (
        f"{plain(repository)} has no `.lockstep.yaml` on its default branch, so I do not know its "
        "environments. `lockstep init` proposes one from the branches; commit it, and say it again."
    )


def remembered(environment: str) -> str:
    """Return the answer to `/promote` on a pull request that is not merged yet."""
    return f"When this is merged I promote it to {plain(environment)}."


def planned(environment: str, when: Appointment, instead: str, words: Words) -> str:
    """Return the answer to `/promote ENVIRONMENT at TIME`."""
    remark = f" ({plain(when.remark)})" if when.remark else ""
    before = f", and not at {plain(instead)}" if instead else ""
    return (
        f"At {plain(when.wall)}{remark} I promote to {plain(environment)}{before}. Until then "
        f"`{words.command(f'cancel {environment}')}` takes it back."
    )


def is_planned(environment: str, wall: str, person: str) -> str:
    """Return what `/status` says of what is planned."""
    return f"Planned: {plain(environment)} at {plain(wall)}, by {plain(person)}."


def not_planned(environment: str, wall: str) -> str:
    """Return the answer to `/cancel` of what was planned."""
    return f"Nothing is promoted to {plain(environment)} at {plain(wall)} any more."


def nothing_planned(environment: str, number: int | None, words: Words) -> str:
    """Return the answer to `/cancel ENVIRONMENT` where nothing is planned."""
    said = f"No promotion to {plain(environment)} is planned, so there is nothing to take back."
    if number is None:
        return said
    return f"{said} One is open: `{words.command('cancel')}` in {words.reference(number)} ends it."


def frozen(stop: Stop, words: Words, *, already: bool) -> str:
    """Return the answer to `/freeze`."""
    thaw = words.command("thaw")
    if already:
        return (
            f"It is frozen already, by {plain(stop.by)} since {plain(spell(stop.since, 'UTC'))}: "
            f"{sentence(stop.reason)}. `{thaw}` ends it."
        )
    return (
        f"Frozen: nothing merges in this repository until somebody says `{thaw}` or deletes the "
        "branch `lockstep/freeze`. Promotions are prepared all the same, and a roll-back that "
        f"cannot wait passes by `{words.command('override freezes REASON')}`."
    )


def thawed(ended: Stop | None, inherited: Sequence[Stop]) -> str:
    """Return the answer to `/thaw`."""
    elsewhere = "".join(
        f" What is inherited from {plain(stop.where)} still holds: it ends there."
        for stop in inherited
    )
    if ended is None:
        return f"Nothing is frozen here, so there was nothing to end.{elsewhere}"
    return f"The freeze of {plain(ended.by)} ({sentence(ended.reason)}) is over.{elsewhere}"


def no_moment(why: str) -> str:
    """Return the answer to a time that is none."""
    return f"Nothing is planned: {sentence(why)}."


def appointment(wall: str, answer: str) -> str:
    """Return what is said where what was planned could not be done."""
    return f"You asked for a promotion at {plain(wall)}, and there is none. {answer}"


def may_no_more(person: str) -> str:
    """Return why what somebody planned is not done."""
    return f"{plain(person)} may not write to this repository any more."


def not_into_its_source(base: str, environment: str, source: str, words: Words) -> str:
    """Return the answer to `/promote` on an open pull request that goes elsewhere."""
    promote = words.command(f"promote {plain(environment)}")
    return (
        f"This goes into {code(base)}, and {plain(environment)} is promoted from {plain(source)}; "
        f"say `{promote}` once {plain(source)} has it."
    )


def started(environment: str, source: str, words: Words) -> str:
    """Return the answer to `/promote`."""
    return f"Promoting {source[:10]} to {plain(environment)}; a {words.pull_request} follows."


def no_environment(name: str, known: Collection[str]) -> str:
    """Return the answer to a name that no environment has."""
    listed = ", ".join(code(one) for one in known)
    near = suggest(name, known) or "."
    return f"There is no environment {code(name)} to promote into; there are {listed}{near}"


def nothing_pending(source: str, target: str) -> str:
    """Return the answer to `/promote` where nothing is pending."""
    return f"{plain(target)} has all that {plain(source)} has, but for what is held back."


def conflicting(plan: Plan, words: Words) -> str:
    """Return the answer to `/promote` where a conflict is in the way."""
    source, target = plan.comparison.source.environment, plan.comparison.target.environment
    found = [change for change in plan.held_back if change.state is State.CONFLICT]
    resolve = words.command("resolve PATH[:KEY] source|target")
    return (
        f"Nothing is promoted to {plain(target)}, since both sides changed these; choose with "
        f"`{resolve}`, or declare them with `{words.command('keep PATH [KEY]')}`.\n\n"
        + changes_table(found, source, target)
    )


def already_open(environment: str, number: int | None, words: Words) -> str:
    """Return the answer to `/promote` where a promotion is under way."""
    where, retry = f" in {words.reference(number)}" if number else "", words.command("retry")
    return f"A promotion to {plain(environment)} is open already{where}; `{retry}` renews it there."


def overridden(gate: str, reason: str) -> str:
    """Return the answer to `/override`: it is loud on purpose."""
    return (
        f"The gate {code(gate)} is overridden for exactly this content ({sentence(reason)}). The "
        "description says so, and so will the merge's message, in the trailer "
        "`Lockstep-Override`. Once the content changes the gate counts again."
    )


def held_out(environment: str, words: Words) -> str:
    """Return what to do about what was rolled back, and is not in the open promotion."""
    return (
        f" Where it leaves out what was rolled back, `{words.command('cancel')}` it there and say "
        f"`{words.command('promote')} {plain(environment)}` again to bring that back."
    )


def hidden_teams(teams: Iterable[str], words: Words) -> str:
    """Return the answer to somebody whose role rests on teams that we may not see."""
    listed = ", ".join(code(f"@{team}") for team in teams)
    return (
        f"I cannot see who is in {listed}, and so not whether you are. If there is such a team, my "
        f"token needs {words.team_needs}. Then say it again."
    )


def not_here(command: str, words: Words) -> str:
    """Return the answer to a promotion's command where there is no promotion."""
    said, noun = words.command(command), words.pull_request
    return f"`{said}` belongs on the {noun} of an open promotion, and this is none."


def no_difference(path: str, key: str | None, words: Words) -> str:
    """Return the answer to a command about a place that does not differ."""
    place, lists = path if key is None else f"{path}:{key}", words.command("drift")
    return f"I find no difference at {code(place)} that this could settle; `{lists}` lists them."


def proposed(what: str, number: int, words: Words) -> str:
    """Return the answer to a command that a pull request was opened for."""
    return f"{what} in {words.reference(number)}; it takes effect when that is merged."


def gone(environment: str) -> str:
    """Return the answer to `/promote` where a branch is missing."""
    return f"The branch of {plain(environment)}, or of what it is promoted from, is not there."


def no_file(path: str) -> str:
    """Return the answer to `/keep` of a path that no environment has."""
    return f"No environment has a file {code(path)}; a path begins at the repository's root."


def kept_already(path: str, key: str | None) -> str:
    """Return the answer to `/keep` of what is kept."""
    return f"{code(path if key is None else f'{path}:{key}')} is kept already."


def failed(command: str, words: Words) -> str:
    """Return the answer to a command that met a fault of ours."""
    said = words.command(command)
    return f"`{said}` met a fault of mine and was not carried out; my log says which."


def refused(command: str, reason: str, words: Words) -> str:
    """Return the answer to a command that the forge would not carry out."""
    said = words.command(command)
    return f"`{said}` was not carried out, since the forge refuses: {sentence(reason)}"
