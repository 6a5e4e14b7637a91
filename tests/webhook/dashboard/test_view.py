"""What the page says: everything that is open, in which hop, for whom, and nothing as markup."""

import re
from datetime import timedelta
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.webhook.dashboard.builders import NOON, busy, status, waiting, work
from webhook.dashboard.document import Hop, OpenWork, Question, Said, Status, Working
from webhook.dashboard.routes import rendered
from webhook.dashboard.view import (
    LEAST_REFRESH,
    MOST_REFRESH,
    Chip,
    Item,
    Piece,
    age,
    page,
    pieces,
    refresh_of,
)

ANYTHING = st.text(min_size=1, max_size=30) | st.sampled_from(
    ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "{{ view }}", "&lt;b&gt;"]
)


class _Elements(HTMLParser):
    """The elements of a page and its words, as a browser has them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, frozenset[str]]] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, frozenset(name for name, _ in attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def shown(found: Status, question: Question | None = None, refresh: int | None = None) -> str:
    return rendered(found, question or Question(), refresh, NOON)


def words(found: Status) -> str:
    return re.sub(r"\s+", " ", "".join(_Elements(shown(found)).words))


def test_a_promotion_is_shown_in_its_hop_with_what_it_waits_for_and_since_when() -> None:
    signed = Said(person="carol", what="security")
    (repository,) = page(
        status(work(waiting(sign_offs=[signed]))), Question(), None, NOON
    ).repositories

    assert [(hop.source, hop.target, hop.chips) for hop in repository.hops] == [
        ("development", "staging", (Chip("in-sync", "in sync"),)),
        ("staging", "production", (Chip("pending", "2 pending"),)),
    ]
    (item,) = repository.hops[1].items
    assert item.since is not None
    assert item.opened is not None
    assert (item.since.ago, item.since.exact) == ("3 h", "2026-11-26 09:00:00 UTC")
    assert item == Item(
        title="Promotion to production",
        reference="#7",
        url="https://github.com/acme/shop/pull/7",
        commit="24de32de24",
        waits_for=(Piece("waiting for sign-off by qa"),),
        since=item.since,
        opened=item.opened,
        notes=("signed off by carol for security",),
    )
    assert item.opened.ago == "2 d"


def test_each_forge_is_spoken_of_in_its_own_words() -> None:
    said = words(
        status(
            work(
                waiting(rolls_back=True),
                forge="gitlab",
                back_merges=[{"environment": "staging", "pull_request": 3}],
            )
        )
    )

    assert "Roll-back of production !7" in said
    assert "Back-merge of staging !3" in said
    assert "declared with /lockstep keep" in said


def test_a_promotion_whose_hop_nobody_has_compared_yet_is_shown_all_the_same() -> None:
    (repository,) = page(status(work(waiting(), hops=[])), Question(), None, NOON).repositories

    assert [(hop.source, hop.target, len(hop.items)) for hop in repository.hops] == [
        ("", "production", 1)
    ]


def test_what_needs_somebody_stands_before_what_can_wait() -> None:
    hop = Hop(source="staging", target="production", pending=1200, drift=1, conflict=2, held=4)
    (repository,) = page(status(work(hops=[hop])), Question(), None, NOON).repositories

    assert [chip.text for chip in repository.hops[0].chips] == [
        "2 conflicts",
        "1 drifted",
        "1,200 pending",
        "4 held back",
    ]


def test_a_freeze_a_broken_configuration_and_a_silence_are_said_before_all_else() -> None:
    said = words(busy())

    for warning in (
        "Nothing merges: frozen since Thu 2026-11-26 09:00 UTC by dan",
        "The configuration: line 7, column 5: there is no environment stagng",
        "No worker has answered in time",
    ):
        assert warning in said


def test_nobody_to_work_and_a_token_that_is_nearly_used_up_are_marked() -> None:
    (temporal, workers, token) = page(
        status(workers=[], budgets=[{"forge": "github", "token": "GitHub", **LOW}]),
        Question(),
        None,
        NOON,
    ).facts

    assert not temporal.bad
    assert (workers.bad, workers.text) == (
        True,
        "none has asked for work: start `lockstep worker`",
    )
    assert (token.bad, token.text) == (True, "499 of 5000 calls left until 12:30 UTC")


LOW = {"calls": 499, "calls_limit": 5000, "resets_at": NOON + timedelta(minutes=30)}


@pytest.mark.parametrize(
    ("minutes", "said", "bad"),
    [
        ((1, 2), "2 workers, last heard of 1 min ago", False),
        ((1, 4), "1 worker, last heard of 1 min ago; 1 not heard of any more", False),
        ((3, 4), "0 workers, last heard of 3 min ago; 2 not heard of any more", True),
    ],
)
def test_a_worker_that_asks_for_work_no_more_is_not_counted(
    minutes: tuple[int, ...], said: str, *, bad: bool
) -> None:
    seen = [Working(identity=str(n), seen=NOON - timedelta(minutes=n)) for n in minutes]
    (_, workers, _) = page(status(workers=seen), Question(), None, NOON).facts

    assert (workers.text, workers.bad) == (said, bad)


def test_an_empty_installation_and_a_search_without_a_match_say_so() -> None:
    assert "No repository is kept in lockstep yet." in words(status())
    assert "No repository is called nope." in shown(status(), Question(text="nope"))


def test_pages_keep_what_was_asked_for() -> None:
    view = page(busy(), Question(page=2, text="a&b"), 30, NOON)

    assert (view.before, view.after, view.toggle) == (
        "/?q=a%26b&refresh=30",
        "/?q=a%26b&page=3&refresh=30",
        "/?q=a%26b&page=2",
    )


@given(ANYTHING, ANYTHING, ANYTHING, ANYTHING)
def test_text_of_others_is_text_and_nothing_else(one: str, two: str, three: str, four: str) -> None:
    def made(one: str, two: str, three: str, four: str) -> Status:
        hop = Hop(source="staging", target="production")
        told = waiting(
            waits_for=two,
            sign_offs=[Said(person=one, what=three)],
            overrides=[Said(person=four, what=one)],
            hold=Said(person=three, what=four),
        )
        planned = {"environment": three, "at": NOON, "wall": four, "by": one}
        return status(
            work(told, hops=[hop], repository=four, frozen=one, problem=two, planned=[planned]),
            workers=[Working(identity=one, seen=NOON)],
        )

    harmless = _Elements(shown(made("a", "b", "c", "d"), Question(text="q")))
    found = _Elements(shown(made(one, two.replace("`", "'"), three, four), Question(text=one)))

    # A backtick is the one character that makes an element, and makes only `code`.
    plain = [e for e in found.elements if e[0] != "code"]
    assert plain == [e for e in harmless.elements if e[0] != "code"]


@given(st.text(alphabet="a`b ", max_size=20))
def test_a_sentence_in_pieces_has_lost_nothing_but_pairs_of_backticks(text: str) -> None:
    found = pieces(text)

    kept = "".join(f"`{piece.text}`" if piece.code else piece.text for piece in found)
    assert kept == text.replace("``", "") or kept.replace("`", "") == text.replace("`", "")
    assert all(piece.text for piece in found)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (-5, "0 s"),
        (59, "59 s"),
        (60, "1 min"),
        (7199, "119 min"),
        (7200, "2 h"),
        (172799, "47 h"),
        (172800, "2 d"),
        (8640000, "100 d"),
    ],
)
def test_an_age_is_said_in_the_largest_unit_that_says_something(seconds: int, said: str) -> None:
    assert age(NOON - timedelta(seconds=seconds), NOON) == said


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("", None),
        ("0;url=https://evil.example", None),
        ("-1", None),
        ("²", None),
        ("1", LEAST_REFRESH),
        ("15", 15),
        ("9999", MOST_REFRESH),
        ("99999999999", None),
    ],
)
def test_a_page_is_loaded_again_after_a_number_of_seconds_and_nothing_else(
    text: str, seconds: int | None
) -> None:
    assert refresh_of(text) == seconds


def test_a_page_is_loaded_again_by_itself_only_where_that_was_asked_for() -> None:
    assert 'http-equiv="refresh"' not in shown(busy())
    assert '<meta http-equiv="refresh" content="15">' in shown(busy(), refresh=15)


def test_what_is_left_out_is_said() -> None:
    assert "30 more promotions are open here" in words(status(work(waiting(), left_out=30)))


def test_a_repository_of_which_nothing_is_known_says_so() -> None:
    assert "Nothing is open" in words(status(OpenWork(forge="git", repository="a/b")))
