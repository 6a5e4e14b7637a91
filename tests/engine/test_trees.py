"""Comparing and rewriting trees, whatever their entries look like."""

from hypothesis import given
from hypothesis import strategies as st

from bot.engine.trees import NewObjects, TreeChange, TreeReader, diff_trees, rewrite
from bot.model import Entry
from tests.engine.memory_git import MemoryGit

# Names that look like the beginning of an entry, and ids full of what stands between two.
NAMES = ["a", "a b", "100644 x", "40000", "ä", "n1", "n2", "n3", "n4"]
PATHS = st.sampled_from([*NAMES, *(f"{top}/{name}" for top in ("a", "n2") for name in NAMES)])
IDS = st.lists(st.sampled_from([0, 49, 255]), min_size=20, max_size=20)
ENTRIES = st.builds(
    lambda mode, numbers: Entry(mode, bytes(numbers).hex()),
    st.sampled_from(["100644", "100755", "120000", "160000"]),
    IDS,
)


def without_clashes(files: dict[str, Entry]) -> dict[str, Entry]:
    directories = {path.partition("/")[0] for path in files if "/" in path}
    return {path: entry for path, entry in files.items() if path not in directories}


FILES = st.dictionaries(PATHS, ENTRIES, max_size=14).map(without_clashes)


@st.composite
def two_trees(draw: st.DrawFn) -> tuple[dict[str, Entry], dict[str, Entry]]:
    """Draw the files of two trees that have much in common."""
    source, other = draw(FILES), draw(FILES)
    shared = draw(st.sets(st.sampled_from(sorted(source)))) if source else set()
    return source, without_clashes(other | {path: source[path] for path in shared})


@given(two_trees())
def test_a_comparison_names_each_path_that_differs_and_no_other(
    files: tuple[dict[str, Entry], dict[str, Entry]],
) -> None:
    source, target = files
    git = MemoryGit()

    found = diff_trees(git, git.tree(source), git.tree(target))

    assert found == [
        TreeChange(path, source.get(path), target.get(path))
        for path in sorted(source.keys() | target.keys())
        if source.get(path) != target.get(path)
    ]


@given(two_trees())
def test_a_tree_rewritten_with_all_that_differs_is_the_other(
    files: tuple[dict[str, Entry], dict[str, Entry]],
) -> None:
    source, target = files
    git = MemoryGit()
    roots = git.tree(source), git.tree(target)
    differing = {change.path: change.source for change in diff_trees(git, *roots)}

    assert rewrite(TreeReader(git), roots[1], differing, NewObjects(40)) == roots[0]
