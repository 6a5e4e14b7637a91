"""Key paths are spelled one way; patterns select what they say and nothing beside it."""

import time
from collections.abc import Callable
from fnmatch import fnmatchcase

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from config.patterns import (
    PatternError,
    child,
    covers,
    item,
    key_pattern,
    order,
    path_pattern,
    quote,
    segments,
)

# Any key at all, with the characters of the grammar itself more often than chance has them.
KEYS = st.text(alphabet=st.one_of(st.sampled_from("ab.[]\"'\\*= \n"), st.characters()), max_size=6)
FIELDS = st.sampled_from(["name", "id", "key"])


@st.composite
def key_paths(draw: st.DrawFn) -> tuple[str, list[str]]:
    """A key path and its segments, each as it is spelled alone."""
    path, spelled = "", []
    for _ in range(draw(st.integers(0, 4))):
        if draw(st.booleans()):
            key = draw(KEYS)
            path, segment = child(path, key), child("", key)
        else:
            field, value = draw(FIELDS), draw(KEYS)
            path, segment = item(path, field, value), item("", field, value)
        spelled.append(segment)
    if draw(st.booleans()):
        path = order(path)
        spelled.append("[]")
    return path, spelled


def quoted_throughout(spelled: list[str]) -> str:
    """The same place as a pattern in which no star is a wildcard."""
    path = ""
    for segment in spelled:
        if segment == "[]" or segment.startswith('["') or '="' in segment:
            path += segment
        elif segment.startswith("["):
            field, _, value = segment[1:-1].partition("=")
            path += f"[{field}={quote(value)}]"
        else:
            path += f"[{quote(segment)}]"
    return path


def selects(pattern: str, key: str) -> bool:
    return key_pattern(pattern).fullmatch(key) is not None


def selects_path(pattern: str, path: str) -> bool:
    return path_pattern(pattern).fullmatch(path) is not None


def refusal(compile_pattern: Callable[[str], object], text: str) -> str | None:
    try:
        compile_pattern(text)
    except PatternError as error:
        return str(error)
    return None


# Key paths


@pytest.mark.parametrize(
    ("built", "spelled"),
    [
        (child("", "database"), "database"),
        (child("database", "host"), "database.host"),
        (
            child("metadata.annotations", "example.com/owner"),
            'metadata.annotations["example.com/owner"]',
        ),
        (child("", "a b"), '["a b"]'),
        (child("", ""), '[""]'),
        (child("x", 'say "hi"'), 'x["say \\"hi\\""]'),
        (child("x", "back\\slash"), "x.back\\slash"),
        (child("x", "kind/name"), "x.kind/name"),
        (item("containers", "name", "web"), "containers[name=web]"),
        (item("containers", "name", "v1.2"), "containers[name=v1.2]"),
        (item("containers", "id", ""), 'containers[id=""]'),
        (item("containers", "key", "a]b"), 'containers[key="a]b"]'),
        (child(item("containers", "name", "web"), "image"), "containers[name=web].image"),
        (order("containers"), "containers[]"),
    ],
)
def test_a_key_path_is_spelled_as_people_read_it(built: str, spelled: str) -> None:
    assert built == spelled


@given(key_paths())
def test_segments_split_what_child_item_and_order_spell(path: tuple[str, list[str]]) -> None:
    text, spelled = path

    assert list(segments(text)) == spelled


@given(key_paths(), key_paths())
def test_two_places_are_never_spelled_alike(
    one: tuple[str, list[str]], other: tuple[str, list[str]]
) -> None:
    assert (one[0] == other[0]) == (one[1] == other[1])


@given(key_paths(), key_paths())
@example(("a", ["a"]), ("ab", ["ab"]))
def test_a_key_path_covers_itself_and_what_is_below(
    one: tuple[str, list[str]], other: tuple[str, list[str]]
) -> None:
    assert covers(one[0], other[0]) == (other[1][: len(one[1])] == one[1])


@pytest.mark.parametrize(
    ("text", "at"),
    [
        (".a", "`.a`"),
        ("a.", "`.`"),
        ("a..b", "`..b`"),
        ("a b", "` b`"),
        ("a.'b'", "`.'b'`"),
        ('a["b]', '`["b]`'),
        ("a[0]", "`[0]`"),
        ("a[name=]", "`[name=]`"),
        ("a[=x]", "`[=x]`"),
        ('a."b"', '`."b"`'),
        ("]", "`]`"),
    ],
)
def test_what_is_no_key_path_is_refused_at_its_first_wrong_character(text: str, at: str) -> None:
    with pytest.raises(PatternError) as caught:
        list(segments(text))

    assert str(caught.value) == (
        f"`{text}` is not a key path: cannot read on at {at}; join keys with dots, quote one that "
        'has a dot or a space, `labels["example.com/x"]`, and call an item of a list by its name, '
        "`containers[name=web]`"
    )


@given(st.text(alphabet=st.sampled_from("ab.[]\"'\\*= "), max_size=12), key_paths())
def test_any_text_is_refused_by_name_or_a_pattern_that_covers_what_is_below(
    text: str, path: tuple[str, list[str]]
) -> None:
    refused = refusal(key_pattern, text)

    assert refused != ""
    assert refused or selects(text, path[0]) <= selects(text, child(path[0], "below"))


# Key patterns


@given(key_paths(), key_paths())
def test_a_literal_pattern_selects_its_place_and_what_is_below_and_nothing_else(
    one: tuple[str, list[str]], other: tuple[str, list[str]]
) -> None:
    assume(one[0])

    pattern = quoted_throughout(one[1])

    assert selects(pattern, one[0])
    assert selects(pattern, other[0]) == covers(one[0], other[0])


@given(key_paths())
def test_two_stars_select_every_place(path: tuple[str, list[str]]) -> None:
    assert selects("**", path[0])


@given(key_paths(), st.integers(1, 4))
def test_stars_select_what_has_at_least_as_many_segments(
    path: tuple[str, list[str]], count: int
) -> None:
    assert selects(".".join("*" * count), path[0]) == (len(path[1]) >= count)


@given(key_paths(), st.text("ab", min_size=1, max_size=2))
def test_a_key_at_any_depth_is_selected_wherever_it_is_a_segment(
    path: tuple[str, list[str]], key: str
) -> None:
    assert selects(f"**.{key}", path[0]) == (key in path[1])


@given(st.text("ab.", min_size=1, max_size=8), st.text("ab*", min_size=1, max_size=6))
def test_a_star_in_a_segment_stands_for_part_of_a_key(key: str, glob: str) -> None:
    assume(glob != "*" and "**" not in glob)

    assert selects(f"x.{glob}", child("x", key)) == fnmatchcase(key, glob)
    assert selects(f"x[name={glob}]", item("x", "name", key)) == fnmatchcase(key, glob)


@given(
    st.lists(st.sampled_from(["a", "b", "*", "**"]), min_size=1, max_size=6),
    st.lists(st.sampled_from("ab"), min_size=1, max_size=6),
)
def test_key_patterns_agree_with_the_plain_definition_of_their_stars(
    pattern: list[str], key: list[str]
) -> None:
    assert selects(".".join(pattern), ".".join(key)) == covers_by_definition(pattern, key)


def covers_by_definition(pattern: list[str], parts: list[str]) -> bool:
    if not pattern:
        return True
    if pattern[0] == "**":
        return any(covers_by_definition(pattern[1:], parts[n:]) for n in range(len(parts) + 1))
    return bool(parts) and (
        pattern[0] in {"*", parts[0]} and covers_by_definition(pattern[1:], parts[1:])
    )


@pytest.mark.parametrize(
    ("pattern", "selected", "others"),
    [
        ("database", ["database", "database.host", "database[]"], ["databases", "x.database", ""]),
        ("**.replicas", ["replicas", "web.replicas", "a[name=x].replicas.min"], ["web.xreplicas"]),
        ("*.host", ["db.host", '["a.b"].host', "[name=x].host"], ["host", "a.b.host"]),
        (
            "labels.app*",
            ["labels.app", "labels.apps", 'labels["app.kubernetes.io/name"]'],
            ["labels.xapp"],
        ),
        (
            "c[*]",
            ["c[name=a]", 'c[id="a b"]', "c[name=a].image"],
            ["c[]", 'c["a.b"]', "c.name", "c"],
        ),
        (
            "c[name=web].image",
            ["c[name=web].image"],
            ["c[id=web].image", "c[name=web]", "c[name=webs].image"],
        ),
        (
            "c[name=web-*]",
            ["c[name=web-1]", 'c[name="web-a b"].image'],
            ["c[name=api]", "c[id=web-1]"],
        ),
        ("c[]", ["c[]"], ["c", "c[name=a]", "c.x"]),
        ('["abc"]', ["abc", "abc.d"], ["abcd", '["abc.d"]']),
        ('hosts["*"]', ["hosts.*"], ["hosts.a"]),
        ('c[name="*"]', ["c[name=*]"], ["c[name=a]"]),
        ('c[name="web"]', ["c[name=web]"], ["c[name=web1]"]),
        ("a.**", ["a", "a.b.c"], ["ab", "b.a"]),
        ("a.**.z", ["a.z", "a.b.z", "a.b[name=c].z.y"], ["a", "a.zz", "b.a.z"]),
    ],
)
def test_a_key_pattern_selects_what_it_says(
    pattern: str, selected: list[str], others: list[str]
) -> None:
    keys = selected + others

    assert [key for key in keys if selects(pattern, key)] == selected


def test_an_empty_key_pattern_is_refused_for_it_could_mean_all_or_nothing() -> None:
    with pytest.raises(
        PatternError, match="an empty key pattern selects nothing; leave `keys` out"
    ):
        key_pattern("")


@pytest.mark.parametrize(
    ("pattern", "segment"),
    [("**replicas", "**replicas"), ("a.b**.c", "b**"), ("c[name=**]", "[name=**]")],
)
def test_two_stars_inside_a_segment_are_refused_for_they_cross_nothing(
    pattern: str, segment: str
) -> None:
    assert refusal(key_pattern, pattern) == (
        f"`{segment}`: `**` crosses keys only as a segment of its own, as in `**.replicas`"
    )


# Path patterns

LEAVES = (
    " leaves the repository; paths are relative to its root, without `/` in front and without `..`"
)
PARTS = st.sampled_from(["a", "b", "ab", ".x", "a b", "[a]", "é"])


@given(st.lists(PARTS, min_size=1, max_size=4), st.lists(PARTS, min_size=1, max_size=5))
def test_a_literal_path_selects_itself_and_what_is_below(one: list[str], other: list[str]) -> None:
    pattern = "/".join(part.replace("[", "[[]") for part in one)

    assert selects_path(pattern, "/".join(one))
    assert selects_path(pattern, "/".join(other)) == (other[: len(one)] == one)


@given(
    st.lists(st.sampled_from(["a", "b", "*", "**"]), min_size=1, max_size=6),
    st.lists(st.sampled_from("ab"), min_size=1, max_size=6),
)
def test_path_patterns_agree_with_the_plain_definition_of_their_stars(
    pattern: list[str], path: list[str]
) -> None:
    # `configs/**` is what is below `configs`, never a file of that name.
    below = [*pattern, "*"] if pattern[-1] == "**" else pattern

    assert selects_path("/".join(pattern), "/".join(path)) == covers_by_definition(below, path)


@given(
    st.lists(st.sampled_from("ab-]"), min_size=1, max_size=6).map("".join),
    st.lists(
        st.sampled_from(["a", "*", "?", "[ab]", "[!a]", "[a-b]", "[]-]"]), min_size=1, max_size=5
    ),
)
def test_a_part_of_a_path_pattern_agrees_with_fnmatch(name: str, glob: list[str]) -> None:
    pattern = "".join(glob)
    assume("**" not in pattern)

    assert selects_path(f"x/{pattern}", f"x/{name}") == fnmatchcase(name, pattern)


@pytest.mark.parametrize(
    ("pattern", "selected", "others"),
    [
        (
            "configs/**/*.yaml",
            ["configs/a.yaml", "configs/x/y/a.yaml"],
            ["configs/a.json", "a.yaml"],
        ),
        ("overlays/**", ["overlays/a", "overlays/a/b"], ["overlays", "overlays2/a"]),
        ("overlays", ["overlays", "overlays/a/b"], ["overlays2", "x/overlays"]),
        ("overlays/", ["overlays/a"], ["overlays2"]),
        ("*.yaml", ["a.yaml", ".yaml"], ["x/a.yaml"]),
        ("**/secrets/**", ["secrets/a", "x/secrets/a/b"], ["secrets", "x/mysecrets/a"]),
        ("**", ["a", "a/b"], []),
        ("values-?.yaml", ["values-1.yaml"], ["values-.yaml", "values-12.yaml"]),
        ("[!a]", ["b", "b/x"], ["a"]),
        ("a[.-0]b", ["a.b", "a0b"], ["a/b"]),
        ("a[!x]b", ["ayb"], ["axb", "a/b"]),
        ("a[a&&b||c~~+--e]b", ["a&b", "a|b", "a,b"], ["afb"]),
        ("a\nb*", ["a\nb", "a\nb\nc"], ["a"]),
        ("a+(b).c", ["a+(b).c"], ["aa(b)xc"]),
        ("\udcff*", ["\udcff", "\udcffx"], ["x"]),
    ],
)
def test_a_path_pattern_selects_what_it_says(
    pattern: str, selected: list[str], others: list[str]
) -> None:
    paths = selected + others

    assert [path for path in paths if selects_path(pattern, path)] == selected


@pytest.mark.parametrize(
    ("pattern", "sentence"),
    [
        ("", "an empty path pattern selects nothing; `**` selects every file"),
        (
            "/etc",
            "`/etc`" + LEAVES,
        ),
        (
            "a/../b",
            "`a/../b`" + LEAVES,
        ),
        ("./a", "`./a` has a part that no path has; leave out `./` and doubled slashes"),
        ("a//b", "`a//b` has a part that no path has; leave out `./` and doubled slashes"),
        (
            "a/**.yaml",
            (
                "`**.yaml`: `**` crosses directories only as a part of its own, as in "
                "`configs/**/*.yaml`"
            ),
        ),
        ("!a", "`!a`: a pattern has no `!` and no `{a,b}`; write a rule for each"),
        (
            "*.{yaml,yml}",
            "`*.{yaml,yml}`: a pattern has no `!` and no `{a,b}`; write a rule for each",
        ),
        (
            "[x",
            (
                "`[x` opens a class with `[` and never closes it; for a bracket that is part of a "
                "name write `[[]`"
            ),
        ),
        (
            "[]",
            (
                "`[]` opens a class with `[` and never closes it; for a bracket that is part of a "
                "name write `[[]`"
            ),
        ),
        ("[z-a]", "`[z-a]` has the range `z-a` backwards"),
    ],
)
def test_a_path_pattern_that_cannot_be_is_refused_with_the_reason(
    pattern: str, sentence: str
) -> None:
    with pytest.raises(PatternError) as caught:
        path_pattern(pattern)

    assert str(caught.value) == sentence


@given(
    st.text(alphabet=st.sampled_from("ab*?[]!^-/.{},\\&~|"), max_size=12),
    st.lists(PARTS, min_size=1, max_size=4).map("/".join),
)
def test_any_text_is_refused_or_a_path_pattern_that_covers_what_is_below(
    text: str, path: str
) -> None:
    refused = refusal(path_pattern, text)

    assert refused != ""
    assert refused or selects_path(text, path) <= selects_path(text, f"{path}/below")


@pytest.mark.parametrize(
    ("pattern", "key"),
    [
        ("a*" * 20 + "b", "a" * 5_000),
        (".".join(["**", "a"] * 20) + ".b", ".".join("a" * 5_000)),
        ("x[name=" + "a*" * 20 + "b]", f"x[name={'a' * 5_000}]"),
    ],
)
def test_no_key_pattern_takes_more_than_linear_time(pattern: str, key: str) -> None:
    compiled = key_pattern(pattern)
    began = time.process_time()

    assert compiled.fullmatch(key) is None

    assert time.process_time() - began < 0.5


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("*a" * 20 + "b", "a" * 5_000),
        ("/".join(["**", "a"] * 20) + "/b", "/".join("a" * 5_000)),
    ],
)
def test_no_path_pattern_takes_more_than_linear_time(pattern: str, path: str) -> None:
    compiled = path_pattern(pattern)
    began = time.process_time()

    assert compiled.fullmatch(path) is None

    assert time.process_time() - began < 0.5
