"""What is learned from the past of two or three branches, and what must never be."""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.engine.flows import Habit, find_flow, merge_habit, read_pasts
from bot.engine.keep import Keep
from bot.engine.keep_rules import Learned, LearnedKeep, learn_keep
from bot.engine.learning import leads, study_hop
from config.schema import KeepRule
from tests.world import World

ENOUGH = 4  # promotions that tell something

Values = Mapping[str, object]


def text(values: Values) -> str:
    """Return a YAML file of values, given by key paths of one or two segments."""
    lines: list[str] = []
    for key, value in sorted(values.items()):
        parent, _, name = key.rpartition(".")
        if parent and f"{parent}:" not in lines:
            lines.append(f"{parent}:")
        lines.append(f"{'  ' * bool(parent)}{name}: {value}")
    return "\n".join(lines) + "\n"


class Story:
    """Branches whose files share some values and own others, and promotions of the shared."""

    def __init__(self, world: World, *branches: str) -> None:
        self.world, self.branches = world, branches or ("dev", "staging")
        self.shared: dict[str, dict[str, object]] = {}
        self.own: dict[str, dict[str, dict[str, object]]] = {b: {} for b in self.branches}

    def file(self, path: str, shared: Values, own: Sequence[str] = ()) -> None:
        """Begin a file; the keys of `own` hold the branch's name, their values for each."""
        self.shared[path] = dict(shared)
        for branch in self.branches:
            self.own[branch][path] = {key: f"{branch}-{key}" for key in own}

    def begin(self) -> None:
        """Commit the first branch's files everywhere, then what each owns."""
        self.world.begin(self._files(self.branches[0], *self.shared), *self.branches)
        for branch in self.branches[1:]:
            self.world.commit(branch, self._files(branch, *self.shared), f"Set up {branch}")

    def promote(self, path: str, values: Values, *, times: int = 1) -> None:
        """Change shared values in the first branch and promote them through the others."""
        for _ in range(times):
            for key, value in values.items():
                self.shared[path][key] = f"{value}-{self.world._minute}"
            for branch in self.branches:
                self.world.commit(branch, self._files(branch, path), "Promote")

    def learn(self) -> Learned:
        """Learn the keep rules of the pipeline that the branches are."""
        objects = self.world.repository
        pasts = read_pasts(objects, {name: self.world.sha(name) for name in self.branches})
        return learn_keep(
            [
                study_hop(objects, pasts[source], pasts[target], (source, target))
                for source, target in zip(self.branches, self.branches[1:], strict=False)
            ]
        )

    def rules(self) -> dict[str, list[str]]:
        """Return the key patterns learned, by path pattern."""
        return {rule.path: [key for key, _ in rule.keys] for rule in self.learn().rules}

    def _files(self, branch: str, *paths: str) -> dict[str, str]:
        return {path: text(self.shared[path] | self.own[branch][path]) for path in paths}


@pytest.fixture
def story(world: World) -> Story:
    return Story(world)


def test_a_key_that_promotions_passed_by_is_kept_and_the_numbers_say_why(story: Story) -> None:
    story.file("app.yaml", {"image": "v1"}, own=["database.host"])
    story.begin()
    story.promote("app.yaml", {"image": "v"}, times=ENOUGH)

    why = (
        "differs between dev and staging since 2026-01-05, while 4 other changes of app.yaml "
        "were promoted"
    )
    assert story.learn() == Learned((LearnedKeep("app.yaml", (("database.host", why),)),))


def test_two_promotions_are_too_few_to_learn_from(story: Story) -> None:
    story.file("app.yaml", {"image": "v1"}, own=["host"])
    story.begin()
    story.promote("app.yaml", {"image": "v"}, times=2)

    assert story.rules() == {}


def test_what_is_pending_after_many_promotions_of_it_is_not_kept(story: Story) -> None:
    story.file("app.yaml", {"image": "v1", "level": "info"})
    story.begin()
    story.promote("app.yaml", {"image": "v"}, times=ENOUGH)
    story.world.edit("dev", "app.yaml", "level: info", "level: debug")
    story.world.edit("staging", "app.yaml", "image: v", "image: hotfix-")

    assert story.rules() == {}


@pytest.mark.parametrize(("times", "rules"), [(4, {}), (5, {"app.yaml": ["limit"]})])
def test_a_value_that_may_just_be_late_takes_more_promotions(
    story: Story, times: int, rules: dict[str, list[str]]
) -> None:
    story.file("app.yaml", {"image": "v1", "limit": 1})
    story.begin()
    story.own["dev"]["app.yaml"] = {"limit": 2}  # staging holds what dev once had
    story.promote("app.yaml", {"image": "v"}, times=times)

    assert story.rules() == rules


def test_what_one_hop_promotes_is_not_kept_for_another(world: World) -> None:
    story = Story(world, "dev", "staging", "main")
    story.file("app.yaml", {"image": "v1"}, own=["host", "size"])
    story.begin()
    for number in range(ENOUGH):
        # Between staging and main the size flows; dev has its own.
        for branch in ("staging", "main"):
            story.own[branch]["app.yaml"]["size"] = number
        story.promote("app.yaml", {"image": "v"})

    assert story.rules() == {"app.yaml": ["host"]}


def test_the_same_key_in_the_files_of_a_directory_becomes_one_rule(story: Story) -> None:
    for name in ("api", "shop", "web"):
        story.file(f"configs/{name}.yaml", {"image": "v1"}, own=["database.host", "replicas"])
    story.begin()
    for name in ("api", "shop"):
        story.promote(f"configs/{name}.yaml", {"image": "v"}, times=ENOUGH)

    assert story.rules() == {"configs/*.yaml": ["database.host", "replicas"]}


def test_a_file_in_which_the_key_is_promoted_stops_the_pattern(story: Story) -> None:
    for name in ("api", "shop"):
        story.file(f"configs/{name}.yaml", {"image": "v1"}, own=["host"])
    story.file("configs/flows.yaml", {"image": "v1", "host": "h1"})
    story.begin()
    for name in ("api", "shop"):
        story.promote(f"configs/{name}.yaml", {"image": "v"}, times=ENOUGH)
    story.promote("configs/flows.yaml", {"host": "h"})

    assert story.rules() == {"configs/api.yaml": ["host"], "configs/shop.yaml": ["host"]}


def test_a_key_that_many_neighbours_hold_alike_is_not_kept_for_them(story: Story) -> None:
    for name in ("api", "one", "two", "three"):
        story.file(
            f"configs/{name}.yaml", {"image": "v1"} | ({"host": "h"} if name != "api" else {})
        )
    story.own = {b: {p: {"host": b} if "api" in p else {} for p in story.shared} for b in story.own}
    story.begin()
    story.promote("configs/api.yaml", {"image": "v"}, times=ENOUGH)

    assert story.rules() == {"configs/api.yaml": ["host"]}


@pytest.mark.parametrize(
    ("paths", "pattern"),
    [
        (["apps/web/values.yaml", "apps/api/values.yaml"], "apps/*/values.yaml"),
        (["apps/web/values.yaml", "apps/eu/api/values.yaml"], "apps/**/values.yaml"),
        (["apps/web/a.yaml", "apps/api/b.yaml"], "apps/*/*.yaml"),
        (["web/values.yaml", "deep/api/values.yaml"], "**/values.yaml"),
        (["conf/[x]/{a,b}!.yaml", "conf/[x]/*.yaml"], "conf/[[]x]/*.yaml"),
    ],
)
def test_paths_become_the_pattern_that_a_person_would_write(
    story: Story, paths: list[str], pattern: str
) -> None:
    for path in paths:
        story.file(path, {"image": "v1"}, own=["host"])
    story.begin()
    for path in paths:
        story.promote(path, {"image": "v"}, times=ENOUGH)

    assert story.rules() == {pattern: ["host"]}


def test_files_with_short_pasts_make_up_for_each_other(story: Story) -> None:
    for number in range(6):
        story.file(f"configs/{number}.yaml", {"image": "v1"}, own=["host"])
    story.begin()
    for number in range(6):
        story.promote(f"configs/{number}.yaml", {"image": "v"})

    assert story.rules() == {"configs/*.yaml": ["host"]}


def test_a_key_owned_below_several_parents_is_kept_wherever_it_stands(story: Story) -> None:
    story.file("app.yaml", {"image": "v1"}, own=["web.replicas", "jobs.replicas"])
    story.begin()
    story.promote("app.yaml", {"image": "v"}, times=ENOUGH)

    assert story.rules() == {"app.yaml": ["**.replicas"]}


def test_a_key_promoted_below_another_parent_is_not_kept_wherever_it_stands(story: Story) -> None:
    own = ["web.replicas", "jobs.replicas"]
    story.file("app.yaml", {"image": "v1", "cron.replicas": 1}, own=own)
    story.begin()
    story.promote("app.yaml", {"image": "v", "cron.replicas": 7}, times=ENOUGH)

    assert story.rules() == {"app.yaml": sorted(own)}


def test_a_mapping_owned_as_a_whole_is_kept_as_one(story: Story) -> None:
    story.file("app.yaml", {"image": "v1"}, own=["db.host", "db.port", "db.user"])
    story.begin()
    story.promote("app.yaml", {"image": "v"}, times=ENOUGH)

    assert story.rules() == {"app.yaml": ["db"]}


def test_documents_of_one_kind_share_a_rule(story: Story) -> None:
    def manifest(name: str, branch: str, version: int) -> str:
        return "---\n".join(
            f"kind: {kind}\nmetadata: {{name: {name}}}\nspec: {{size: {size}, tag: v{version}}}\n"
            for kind, size in (("Deployment", branch), ("Service", "same"))
        )

    def commit(branch: str, version: int) -> None:
        files = {f"apps/{n}/all.yaml": manifest(n, branch, version) for n in ("api", "web")}
        story.world.commit(branch, files)

    commit("dev", 0)
    story.world.branch("staging", "dev")
    for version in range(ENOUGH + 1):
        for branch in story.branches:
            commit(branch, version)

    assert story.rules() == {"apps/*/all.yaml": ["Deployment/*.spec.size"]}


def test_directories_that_one_environment_has_are_kept_as_whole_files(world: World) -> None:
    story = Story(world, "dev", "staging")
    story.file("app.yaml", {"image": "v1"})
    story.begin()
    for branch in story.branches:
        files = {f"overlays/{branch}/{name}": "replicas: 1\n" for name in ("a.yaml", "b.yaml")}
        world.commit(branch, files)
    story.promote("app.yaml", {"image": "v"}, times=5)

    assert story.learn().rules == (
        LearnedKeep(
            "overlays/**",
            why="4 files differ, such as overlays/dev/a.yaml, between dev and staging since "
            "2026-01-05, while 5 promotions passed it by",
        ),
    )


def test_a_directory_with_a_common_file_is_not_kept_as_a_whole(world: World) -> None:
    story = Story(world, "dev", "staging")
    story.file("app.yaml", {"image": "v1"})
    story.file("overlays/base.yaml", {"image": "v1"})
    story.begin()
    for branch in story.branches:
        world.commit(branch, {f"overlays/{branch}.env": f"{branch}\n"})
    story.promote("app.yaml", {"image": "v"}, times=5)

    assert story.rules() == {"overlays/*.env": []}


def test_a_file_of_which_nothing_was_ever_promoted_is_kept_as_a_whole(story: Story) -> None:
    story.file("app.yaml", {"image": "v1"})
    story.file("region.yaml", {"version": 1}, own=["name", "zone"])
    story.begin()
    story.promote("app.yaml", {"image": "v"}, times=5)

    assert story.rules() == {"region.yaml": []}


def test_a_directory_whose_files_are_promoted_key_by_key_is_not_kept_as_a_whole(
    story: Story,
) -> None:
    story.file("conf/app.yaml", {"image": "v1"}, own=["host"])
    story.file("conf/region.yaml", {"version": 1}, own=["name", "zone"])
    story.begin()
    story.promote("conf/app.yaml", {"image": "v"}, times=5)

    assert story.rules() == {"conf/app.yaml": ["host"], "conf/region.yaml": []}


def test_a_new_file_that_is_pending_is_not_kept(story: Story) -> None:
    story.file("app.yaml", {"image": "v1"})
    story.begin()
    story.promote("app.yaml", {"image": "v"}, times=5)
    story.world.commit("dev", {"new.yaml": "a: 1\n", "run.sh": "echo\n"})
    story.promote("app.yaml", {"image": "v"})

    assert story.rules() == {}


def test_branches_without_a_common_commit_teach_nothing(world: World) -> None:
    world.commit("dev", {"app.yaml": "host: dev\n"})
    world.commit("staging", {"app.yaml": "host: staging\n"})

    assert Story(world).rules() == {}


def test_files_that_do_not_parse_are_read_as_one_value(story: Story) -> None:
    story.file("app.yaml", {"image": "v1"})
    story.begin()
    for branch in story.branches:
        story.world.commit(branch, {"bad.yaml": f"{branch}: [\n", "run.sh": f"echo {branch}\n"})
    story.promote("app.yaml", {"image": "v"}, times=5)

    assert story.rules() == {"bad.yaml": [], "run.sh": []}


def habit(world: World) -> Habit:
    pasts = read_pasts(world.repository, {name: world.sha(name) for name in ("dev", "main")})
    return merge_habit(world.repository, find_flow(pasts["dev"], pasts["main"]))


@pytest.fixture
def two(world: World) -> World:
    world.begin({"app.yaml": "image: v0\n", "b.yaml": "b: 0\n"}, "dev", "main")
    world.commit("main", {"main.txt": "main\n"})
    return world


def test_merge_commits_are_told(two: World) -> None:
    for number in range(3):
        two.commit("dev", {"app.yaml": f"image: v{number + 1}\n"})
        two.merge("dev", "main")

    assert habit(two) == Habit("merge", "3 of 3 promotions were merge commits")


def test_squashes_are_told(two: World) -> None:
    for number in range(3):
        two.commit("dev", {"app.yaml": f"image: v{number + 1}\n"})
        two.commit("dev", {"b.yaml": f"b: {number + 1}\n"})
        two.commit("main", {"app.yaml": f"image: v{number + 1}\n", "b.yaml": f"b: {number + 1}\n"})

    assert habit(two) == Habit("squash", "3 of 3 promotions were single commits")


def test_copies_of_single_commits_are_told(two: World) -> None:
    for number in range(3):
        minute = two._minute
        for branch in ("dev", "main"):
            two._minute = minute  # a copy keeps the author's time
            two.commit(branch, {"app.yaml": f"image: v{number + 1}\n"}, f"Release {number + 1}")

    assert habit(two) == Habit(
        "rebase", "3 of 3 promotions were copies of single commits of the source"
    )


def test_a_habit_is_not_made_up_from_two_promotions(two: World) -> None:
    for number in range(2):
        two.commit("dev", {"app.yaml": f"image: v{number + 1}\n"})
        two.merge("dev", "main")

    assert habit(two) == Habit(None, "2 promotions seen")


def test_a_branch_that_only_follows_says_that_it_may_be_fast_forwarded(world: World) -> None:
    world.begin({"app.yaml": "image: v0\n"}, "dev", "main")
    world.commit("dev", {"app.yaml": "image: v1\n"})

    assert habit(world) == Habit(None, "it has no commit of its own, as with `merge: fast-forward`")


def test_a_branch_leads_where_the_other_takes_its_values(story: Story) -> None:
    story.file("app.yaml", {"image": "v1"}, own=["host"])
    story.begin()
    story.promote("app.yaml", {"image": "v"}, times=2)
    objects = story.world.repository
    pasts = read_pasts(objects, {name: story.world.sha(name) for name in story.branches})

    assert leads(objects, pasts["dev"], pasts["staging"]) == 2
    assert leads(objects, pasts["staging"], pasts["dev"]) == -2


def test_a_branch_leads_where_it_went_on_from_the_other(world: World) -> None:
    world.begin({"a.txt": "a\n"}, "dev", "staging")
    world.commit("dev", {"a.txt": "b\n"})
    pasts = read_pasts(world.repository, {name: world.sha(name) for name in ("dev", "staging")})

    assert leads(world.repository, pasts["dev"], pasts["staging"]) == 1
    assert leads(world.repository, pasts["staging"], pasts["dev"]) == -1
    assert leads(world.repository, pasts["dev"], pasts["dev"]) == 0


PATHS = ("configs/a.yaml", "configs/b.yaml", "apps/x/c.yaml", "apps/y/c.yaml")
KEYS = ("host", "size", "web.size", "jobs.size", "web.host")
PLACES = st.tuples(st.sampled_from(PATHS), st.sampled_from(KEYS))


@settings(max_examples=8)
@given(owned=st.sets(PLACES, max_size=12), promoted=st.lists(PLACES, min_size=4, max_size=14))
def test_no_rule_ever_covers_what_was_promoted(
    owned: set[tuple[str, str]], promoted: list[tuple[str, str]]
) -> None:
    with tempfile.TemporaryDirectory() as directory, World.new(Path(directory) / "git") as world:
        story = Story(world)
        for path in PATHS:
            mine = [key for key in KEYS if (path, key) in owned]
            shared = {key: "v" for key in KEYS if key not in mine}
            story.file(path, shared | {"image": "v"}, own=mine)
        story.begin()
        flowed = [place for place in promoted if place not in owned]
        for path, key in flowed:
            story.promote(path, {key: "w", "image": "w"})
        rules = story.learn().rules

    keep = Keep([KeepRule(path=r.path, keys=tuple(key for key, _ in r.keys)) for r in rules])
    assert [(path, key) for path, key in flowed if keep.whole(path) or key in keep.keys(path)] == []
