"""`lockstep init`: propose a `.lockstep.yaml` from a repository's branches and history."""

import os
from collections.abc import Iterator
from pathlib import Path

import click

from bot.cli.local import repository_argument, repository_at
from bot.cli.main import Failure
from bot.cli.proposal import HopSeen, render
from bot.decisions.pipeline import NoPipeline, Pipeline, propose_pipeline
from bot.engine.commits import committed_at
from bot.engine.drift import CONFIGURATION
from bot.engine.flows import find_flow, merge_habit, read_pasts
from bot.engine.keep_rules import Learned, learn_keep
from bot.engine.learning import Study, leads, study_hop
from bot.git_process import run_git
from bot.repository import Repository, RepositoryError
from bot.words import count
from config.suggest import named

# Fewer promotions the other way round may be back-merges.
_FEWEST_BACKWARD = 3


@click.command()
@repository_argument
@click.option(
    "--write", is_flag=True, help=f"Write it to {CONFIGURATION} in REPO, if there is none yet."
)
def init(repository: str, *, write: bool) -> int:
    """Look at the branches of REPO (here, if left out) and propose a `.lockstep.yaml`.

    The proposal goes to standard output, what was found to standard error. Exits with 1
    where fewer than two environments can be told.
    """
    with repository_at(repository) as opened:
        target = _target(repository) if write else None
        default = _default_branch(opened)
        pipeline = _pipeline(opened, default)
        studies = _studies(opened, pipeline)
        hops = {s.target: HopSeen(s.flow, merge_habit(opened, s.flow)) for s in studies}
        learned = learn_keep(studies)
        for sentence in (*_found(pipeline, studies, learned), *_next(opened, default)):
            click.echo(f"lockstep: {sentence}", err=True)
        where = named(default) if default else "the default branch"
        text = render(pipeline, hops, learned.rules, where)
    if target is None:
        click.echo(text, nl=False)
    else:
        _write(target, text)
        click.echo(f"lockstep: wrote {target}", err=True)
    return 0


def _target(path: str) -> Path:
    """Return where the file belongs. Raises `Failure` where it cannot, or already does."""
    try:
        top = run_git("rev-parse", "--show-toplevel", directory=path)
    except RepositoryError as error:
        raise Failure(
            f"{path} has no work tree to write to; use `lockstep init > FILE` and commit the file"
        ) from error
    target = Path(os.fsdecode(top).rstrip("\n")) / CONFIGURATION
    if target.exists():
        raise Failure(f"{target} is there already; leave out `--write` to see the proposal")
    return target


def _write(target: Path, text: str) -> None:
    try:
        with target.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise Failure(f"cannot write {target}: {error.strerror}") from error


def _default_branch(repository: Repository) -> str | None:
    """Return the default branch's name; of a clone's own `HEAD`, only where nobody works on it."""
    ref = repository.default_ref()
    if ref == "HEAD" and not repository.is_bare():
        return None
    try:
        target = os.fsdecode(repository.git("symbolic-ref", "--quiet", ref)).strip()
    except RepositoryError:
        return None
    name = target.removeprefix("refs/remotes/origin/").removeprefix("refs/heads/")
    return name if repository.branch(name) else None


def _pipeline(repository: Repository, default: str | None) -> Pipeline:
    branches = repository.branches()
    contents = repository.read(list(branches.values()))
    times = {name: committed_at(content) for name, content in zip(branches, contents, strict=True)}

    def which_leads(one: str, other: str) -> int:
        pasts = read_pasts(repository, {name: branches[name] for name in (one, other)})
        return leads(repository, pasts[one], pasts[other])

    match propose_pipeline(times, default, which_leads):
        case NoPipeline(reason):
            raise Failure(reason)
        case Pipeline() as pipeline:
            return pipeline


def _studies(repository: Repository, pipeline: Pipeline) -> list[Study]:
    branches = repository.branches()
    heads = {e.branch: branches[e.branch] for e in pipeline.environments}
    pasts = read_pasts(repository, heads)
    branch_of = {environment.name: environment.branch for environment in pipeline.environments}
    return [
        study_hop(repository, pasts[branch_of[e.source]], pasts[e.branch], names=(e.source, e.name))
        for e in pipeline.environments
        if e.source is not None
    ]


def _found(pipeline: Pipeline, studies: list[Study], learned: Learned) -> Iterator[str]:
    for study in studies:
        forward = len(study.flow.promotions)
        files = len(study.differing)
        yield (
            f"{study.source} → {study.target}: {count(forward, 'promotion')} seen, "
            f"{count(files, 'file')} differ{'s' * (files == 1)}"
            + (f", of which {read} were read" if (read := len(study.telling)) < files else "")
        )
        backward = len(find_flow(study.flow.target, study.flow.source).promotions)
        if backward >= _FEWEST_BACKWARD and backward > forward:
            yield (
                f"more content went from {study.target} to {study.source}, {backward} times: "
                "is their order right?"
            )
    yield from pipeline.notes
    keys = sum(len(rule.keys) for rule in learned.rules)
    files = sum(not rule.keys for rule in learned.rules)
    yield (
        f"keep: {count(keys, 'key pattern')} and {count(files, 'pattern')} for "
        "whole files, from what promotions have passed by"
    )
    yield from learned.notes


def _next(repository: Repository, default: str | None) -> Iterator[str]:
    if repository.file(repository.default_ref(), CONFIGURATION) is not None:
        yield f"there is a {CONFIGURATION} in force, and the proposal does not look at it"
    yield (
        "read the proposal, see what it makes of the branches with "
        f"`lockstep drift --config FILE`, and commit it to "
        f"{named(default) if default else 'the default branch'}"
    )
