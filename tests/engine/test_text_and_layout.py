"""Plain text, comments and layout, spellings and lists: what of a file is a change, and which."""

import pytest

from tests.world import World, kept, spelled

APP = "image: v1\nreplicas: 1\n"
POEM = "".join(f"line {n}\n" for n in range(1, 10))


# Plain text


def test_text_changed_on_both_sides_in_different_lines_is_one_pending_and_one_drift(
    world: World,
) -> None:
    world.begin({"notes.txt": POEM})
    ours = world.edit("development", "notes.txt", "line 2", "line two")
    theirs = world.edit("staging", "notes.txt", "line 8", "line eight")

    comparison = world.compare()

    assert [spelled(change) for change in comparison.changes] == [
        "pending notes.txt",
        "drift notes.txt",
    ]
    assert [[c.sha for c in change.commits] for change in comparison.changes] == [
        [ours],
        [theirs],
    ]

    world.promote()

    merged = POEM.replace("line 2", "line two").replace("line 8", "line eight")
    assert world.text("staging", "notes.txt") == merged
    assert world.states() == ["drift notes.txt"]


def test_text_changed_on_both_sides_in_the_same_line_is_a_conflict(world: World) -> None:
    world.begin({"notes.txt": POEM})
    world.edit("development", "notes.txt", "line 2", "line two")
    world.edit("staging", "notes.txt", "line 2", "line deux")

    assert world.states() == ["conflict notes.txt"]
    assert world.plan().candidate is None


def test_text_that_the_target_took_part_of_is_pending_for_the_rest(world: World) -> None:
    world.begin({"notes.txt": POEM})
    world.commit(
        "development", {"notes.txt": POEM.replace("line 2", "two").replace("line 8", "eight")}
    )
    world.edit("staging", "notes.txt", "line 2", "two")

    assert world.states() == ["pending notes.txt"]


def test_attributes_of_the_repository_do_not_change_how_text_is_merged(world: World) -> None:
    world.begin({"notes.txt": POEM, ".gitattributes": "*.txt merge=union\n0 merge=union\n"})
    world.edit("development", "notes.txt", "line 2", "line two")
    world.edit("staging", "notes.txt", "line 2", "line deux")

    assert world.states() == ["conflict notes.txt"]


# Comments and layout


@pytest.mark.parametrize(
    "text",
    [
        "# why\n" + APP,
        "image: v1  # why\nreplicas: 1\n",
        "replicas: 1\nimage: v1\n",
        "image: 'v1'\nreplicas: 1\n",
        "{image: v1, replicas: 1}\n",
        APP.replace("\n", "\r\n"),
        "\ufeff" + APP,
        "---\n" + APP,
    ],
    ids=["comment", "trailing", "order", "quotes", "flow", "crlf", "bom", "marker"],
)
def test_comments_and_layout_alone_are_one_change_of_the_whole_file(
    world: World, text: str
) -> None:
    world.begin({"app.yaml": APP})
    made = world.commit("development", {"app.yaml": text})

    change = world.change()

    assert (spelled(change), change.note) == (
        "pending app.yaml",
        "only comments or layout differ",
    )
    assert [commit.sha for commit in change.commits] == [made]

    world.promote()

    assert world.text("staging", "app.yaml") == text


def test_layout_is_not_looked_at_where_values_differ(world: World) -> None:
    world.begin({"app.yaml": APP})
    world.commit("development", {"app.yaml": "# why\n" + APP})
    world.edit("staging", "app.yaml", "image: v1", "image: v2")

    assert world.states() == ["drift app.yaml:image"]


def test_comments_changed_on_both_sides_never_block(world: World) -> None:
    world.begin({"app.yaml": APP, "b.yaml": "b: 1\n"})
    world.commit("development", {"app.yaml": "# ours\n" + APP, "b.yaml": "b: 2\n"})
    world.commit("staging", {"app.yaml": "# theirs\n" + APP})

    assert world.states() == ["drift app.yaml", "pending b.yaml:b"]

    world.promote()

    assert world.text("staging", "app.yaml") == "# theirs\n" + APP


def test_comments_changed_on_both_sides_in_different_places_are_merged(world: World) -> None:
    text = "a: 1\nb: 2\nc: 3\nd: 4\ne: 5\n"
    world.begin({"app.yaml": text})
    world.commit("development", {"app.yaml": "# top\n" + text})
    world.commit("staging", {"app.yaml": text + "# end\n"})

    assert world.states() == ["pending app.yaml", "drift app.yaml"]

    world.promote()

    assert world.text("staging", "app.yaml") == "# top\n" + text + "# end\n"


def test_layout_next_to_kept_values_is_promoted_with_the_targets_kept_values(
    world: World,
) -> None:
    keep = kept("app.yaml:replicas")
    world.begin({"app.yaml": APP})
    world.edit("staging", "app.yaml", "replicas: 1", "replicas: 7")
    world.commit("development", {"app.yaml": "# why\n" + APP})

    assert world.states(keep=keep) == ["pending app.yaml", "kept app.yaml:replicas"]

    world.promote(keep=keep)

    assert world.text("staging", "app.yaml") == "# why\nimage: v1\nreplicas: 7\n"
    assert world.states(keep=keep) == ["kept app.yaml:replicas"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a: 1\n", "a: '1'\n"),
        ("a: 1\n", "a: 1.0\n"),
        ("a: 1\n", "a: true\n"),
        ("a: null\n", "a: ''\n"),
        ("a: {}\n", "a: []\n"),
        ("a: 2026-01-05\n", "a: '2026-01-05'\n"),
        ("a: [b, c]\n", "a: ['b, c']\n"),
    ],
)
def test_values_of_another_type_differ(world: World, one: str, other: str) -> None:
    world.begin({"app.yaml": one})
    world.commit("development", {"app.yaml": other})

    assert world.states() == ["pending app.yaml:a"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a: .nan\n", "a: .NaN\n"),
        ("a: yes\n", "a: on\n"),
        ("a: 0644\n", "a: 420\n"),
        ("a: 0x10\n", "a: 16\n"),
        ("a: ~\n", "a:\n"),
        ("a: 1_000\n", "a: 1000\n"),
        ("a: 2026-01-05T10:00:00Z\n", "a: 2026-01-05 10:00:00 Z\n"),
        ("a: >\n  x\n  y\n", 'a: "x y\\n"\n'),
    ],
)
def test_spellings_of_one_value_are_layout(world: World, one: str, other: str) -> None:
    world.begin({"app.yaml": one})
    world.commit("development", {"app.yaml": other})

    assert world.change().note == "only comments or layout differ"


# Lists


def test_the_order_of_named_items_is_a_place_of_its_own(world: World) -> None:
    world.begin({"app.yaml": "c:\n- name: a\n  v: 1\n- name: b\n  v: 1\n"})
    world.commit("development", {"app.yaml": "c:\n- name: b\n  v: 1\n- name: a\n  v: 1\n"})
    world.edit("staging", "app.yaml", "name: a\n  v: 1", "name: a\n  v: 2")

    assert world.states() == ["pending app.yaml:c[]", "drift app.yaml:c[name=a].v"]

    world.promote()

    assert world.text("staging", "app.yaml") == "c:\n- name: b\n  v: 1\n- name: a\n  v: 2\n"


def test_items_that_came_on_either_side_are_places_of_their_own(world: World) -> None:
    item = "- name: {}\n  v: 1\n".format
    world.begin({"app.yaml": "c:\n" + item("a") + item("b")})
    world.commit("development", {"app.yaml": "c:\n" + item("a") + item("x") + item("b")})
    world.commit("staging", {"app.yaml": "c:\n" + item("a") + item("b") + item("y")})

    assert world.states() == [
        "pending app.yaml:c[name=x].name",
        "pending app.yaml:c[name=x].v",
        "drift app.yaml:c[name=y].name",
        "drift app.yaml:c[name=y].v",
    ]

    world.promote()

    after = "c:\n" + item("a") + item("x") + item("b") + item("y")
    assert world.text("staging", "app.yaml") == after


def test_any_other_list_is_one_value(world: World) -> None:
    world.begin({"app.yaml": "c: [1, 2]\n"})
    world.edit("development", "app.yaml", "2", "3")

    change = world.change()

    assert (change.key, change.source.data, change.target.data) == ("c", [1, 3], [1, 2])


def test_a_comment_arrives_with_a_value_next_to_kept_ones(world: World) -> None:
    world.begin({"app.yaml": "replicas: 1\nimage: v1\n"})
    world.commit("staging", {"app.yaml": "replicas: 5\nimage: v1\n"})
    world.commit("development", {"app.yaml": "replicas: 2\n# pinned, see the wiki\nimage: v2\n"})
    keep = kept("app.yaml:replicas")

    world.promote(keep=keep)

    assert world.text("staging", "app.yaml") == "replicas: 5\n# pinned, see the wiki\nimage: v2\n"
    assert world.states(keep=keep) == ["kept app.yaml:replicas"]


def test_an_item_that_arrives_does_not_make_a_conflict_of_an_order_that_drifted(
    world: World,
) -> None:
    a, b, n = (f"- {{name: {name}}}\n" for name in "abn")
    world.begin({"list.yaml": a + b})
    world.commit("staging", {"list.yaml": b + a})
    world.commit("development", {"list.yaml": a + n + b})
    world.commit("staging", {"list.yaml": b + a + n}, "Add n by hand")

    assert world.states() == ["drift list.yaml:[]"]
