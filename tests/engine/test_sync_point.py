"""The sync point, against a statement of it that tries every common subsequence."""

import os
from collections.abc import Sequence
from itertools import combinations, groupby

from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.engine.drift import compare
from bot.engine.history import Moment, Version, joined, sync_point
from bot.engine.keep import Keep
from bot.engine.places import judge
from bot.model import ABSENT, Entry, Head, State, Value
from tests.engine.memory_git import MemoryGit

EXAMPLES = 20_000 if os.environ.get("LOCKSTEP_THOROUGH") else 1_000
many = settings(max_examples=EXAMPLES, deadline=None, derandomize=EXAMPLES == 1_000)
fewer = settings(max_examples=EXAMPLES // 5, deadline=None, derandomize=EXAMPLES == 1_000)

# Short and of few values, so that values come back often: that is where rules differ.
histories = st.text("ab-c", max_size=7)


def values(history: str) -> list[Value]:
    """Return one value for each letter; a dash is absent."""
    return [ABSENT if letter == "-" else Value("s" + letter, letter) for letter in history]


def moments(history: str) -> list[Moment]:
    return [Moment(value, Version(None)) for value in values(history)]


def without_repetition(history: str) -> str:
    return "".join(letter for letter, _ in groupby(history))


def by_trying_everything(source: str, target: str) -> tuple[int, int] | None:
    """Return where the sync point stands, from every common subsequence there is.

    The longest counts; of several, the one that ends latest in the source, then latest
    in the target.
    """

    def subsequences(history: str) -> dict[str, int]:
        """Return every subsequence and the latest place where it can end."""
        found: dict[str, int] = {}
        for length in range(1, len(history) + 1):
            for places in combinations(range(len(history)), length):
                letters = "".join(history[place] for place in places)
                found[letters] = max(found.get(letters, 0), places[-1])
        return found

    ours, theirs = subsequences(source), subsequences(target)
    common = [(len(s), ours[s], theirs[s]) for s in ours.keys() & theirs.keys()]
    return max(common)[1:] if common else None


def state_by_trying_everything(source: str, target: str) -> State:
    point = by_trying_everything(source, target)
    source_moved = point is None or point[0] < len(source) - 1
    target_moved = point is None or point[1] < len(target) - 1
    if source_moved and target_moved:
        return State.CONFLICT
    return State.PENDING if source_moved else State.DRIFT


@many
@given(histories, histories)
@example("aba", "ab")  # promoted, rolled back, wanted again
@example("abc", "acb")  # two of one length: the later in the source counts
@example("", "a")
def test_the_sync_point_is_what_trying_every_subsequence_finds(source: str, target: str) -> None:
    assert sync_point(values(source), values(target)) == by_trying_everything(source, target)


@many
@given(histories, histories)
def test_a_place_that_differs_is_judged_by_who_moved_after_the_sync_point(
    source: str, target: str
) -> None:
    source, target = without_repetition(source), without_repetition(target)
    if source[-1:] == target[-1:]:
        return

    verdict = judge(moments(source), moments(target))

    assert verdict.state is state_by_trying_everything(source, target)
    point = by_trying_everything(source, target)
    assert verdict.agreed == (values(source)[point[0]] if point else ABSENT)


@fewer
@given(st.text("ab?", max_size=9))
def test_a_history_joins_equal_neighbours_and_skips_what_does_not_parse(history: str) -> None:
    versions = [Version(Entry("100644", letter), str(at)) for at, letter in enumerate(history)]

    def read(entry: Entry | None) -> Value | None:
        return None if entry is None or entry.oid == "?" else Value(entry.oid, entry.oid)

    found = "".join(moment.value.token for moment in joined(versions, read))

    assert found == without_repetition(history.replace("?", ""))


def commits(git: MemoryGit, start: str | None, history: str, since: int) -> str | None:
    """Commit one version of a file for each letter: absent, or a key's value."""
    head = start
    for time, letter in enumerate(history, since):
        content = git.blob(f"key: {letter}\nother: {since}\n".encode())
        files = {"readme": git.blob(b"")} | ({} if letter == "-" else {"app.yaml": content})
        head = git.commit(files, [head] if head else [], f"set {letter}", time)
    return head


@fewer
@given(st.text("abc", min_size=1, max_size=2), st.text("abc?", max_size=5), histories)
def test_a_key_in_two_branches_is_judged_by_all_its_values_since_they_parted(
    base: str, source: str, target: str
) -> None:
    # What does not parse may stand anywhere but at the head, and absent is not tried here.
    source, target = source.rstrip("?"), target.replace("-", "")
    git = MemoryGit()
    start = commits(git, None, base, 0)
    ours = commits(git, start, source.replace("?", "{"), 100)
    theirs = commits(git, start, target, 100)
    assert ours
    assert theirs

    comparison = compare(
        git, Head("development", "dev", ours), Head("staging", "stage", theirs), Keep()
    )

    mine = without_repetition(base[-1] + source.replace("?", ""))
    yours = without_repetition(base[-1] + target)
    differs = mine[-1] != yours[-1]
    expected = {"key": state_by_trying_everything(mine, yours)} if differs else {}
    assert {c.key: c.state for c in comparison.changes if c.key == "key"} == expected


@many
@given(st.lists(st.sampled_from("abcd"), max_size=7), st.data())
def test_promotions_alone_never_make_drift(source: Sequence[str], data: st.DataObject) -> None:
    promoted = data.draw(st.lists(st.integers(0, max(len(source) - 1, 0)), max_size=7).map(sorted))
    target = without_repetition("".join(source[at] for at in promoted if source))
    history = without_repetition("".join(source))
    if not target or history[-1] == target[-1]:
        return

    assert judge(moments(history), moments(target)).state is State.PENDING
