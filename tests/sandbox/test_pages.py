"""The pages: what they show, what their buttons do, and that nothing written gets out of hand."""

import re
from collections.abc import Iterator

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from bot.sandbox.markup import markdown
from tests.sandbox.conftest import CONFIG, Forge

BODY = """# Promotion

| Key | Old | New |
|---|---|---|
| `a` | 1 | 2 |

<!-- lockstep:marker -->
<details><summary>Long **values**</summary>

```
<details> stays as it is
```

</details>

<script>alert(1)</script> [bad](javascript:alert(1)) [good](https://example.com)
"""


@pytest.fixture
def browser(forge: Forge) -> Iterator[requests.Session]:
    """A browser that acts as bob."""
    with requests.Session() as session:
        session.post(
            f"{forge.sandbox.url}/_sandbox/act-as", data={"login": "bob", "back": "/"}, timeout=5
        )
        yield session


def _get(forge: Forge, browser: requests.Session, path: str) -> str:
    answer = browser.get(forge.sandbox.url + path, timeout=5)
    assert answer.status_code == 200, answer.text
    return answer.text


def _do(forge: Forge, browser: requests.Session, action: str, **form: object) -> str:
    answer = browser.post(f"{forge.sandbox.url}/{CONFIG}/do/{action}", data=form, timeout=5)
    assert answer.status_code == 200, answer.text
    return answer.text


def _pull(forge: Forge, body: str = BODY) -> None:
    sha = forge.repo("alice").get_branch("main").commit.sha
    forge.repo("alice").create_git_ref("refs/heads/topic", sha)
    forge.do.commit(CONFIG, "topic", {"app.yaml": "a: <2>\nb: 1\nc: 1\n"}, "alice", "Change")
    forge.repo("alice").create_pull(title="Raise <a>", body=body, head="topic", base="main")


def test_a_file_is_edited_and_proposed_and_merged_by_hand(
    forge: Forge, browser: requests.Session
) -> None:
    edited = _do(
        forge,
        browser,
        "edit",
        branch="development",
        path="app.yaml",
        content="a: 2\r\n",
        message="",
    )
    _do(forge, browser, "open", head="development", base="main", title="By hand")
    _do(forge, browser, "comment", number=1, body="/sign-off qa")
    _do(forge, browser, "check", ref="development", context="ci/test", state="success")
    merged = _do(forge, browser, "merge", number=1, method="squash")

    pull = forge.repo().get_pull(1)
    assert "to development as bob" in edited
    assert "Merged as" in merged
    assert (pull.merged, pull.user.login, pull.merged_by.login) == (True, "bob", "bob")
    assert [comment.body for comment in pull.get_issue_comments()] == ["/sign-off qa"]
    content = forge.repo().get_contents("app.yaml")
    assert not isinstance(content, list)
    assert content.decoded_content == b"a: 2\n"


def test_every_page_is_there_and_says_what_it_is(forge: Forge, browser: requests.Session) -> None:
    _pull(forge)
    forge.repo("bob").create_issue("Drift", body="text")
    sha = forge.repo().get_branch("topic").commit.sha
    root = f"/{CONFIG}"
    tails = ["", "/tree/topic", "/blob?branch=topic&path=app.yaml", "/compare/main...topic"]
    tails += ["/pulls", "/pull/1", "/issues", "/issues/2", f"/commit/{sha}"]
    for path in ("/", *(root + tail for tail in tails)):
        page = _get(forge, browser, path)
        assert "A development tool on this machine" in page
        assert "<option selected>bob</option>" in page


def test_what_people_wrote_is_escaped_everywhere(forge: Forge, browser: requests.Session) -> None:
    _pull(forge)

    page = _get(forge, browser, f"/{CONFIG}/pull/1")

    assert "<script>" not in page
    assert "Raise &lt;a&gt;" in page
    assert "+a: &lt;2&gt;" in page
    assert "javascript:" not in page.replace("[bad](javascript:alert(1))", "")


def test_markdown_shows_tables_and_folds_and_hides_comments() -> None:
    page = markdown(BODY)

    assert "<th>Key</th>" in page
    assert "<details><summary>Long <strong>values</strong></summary>" in page
    assert "&lt;details&gt; stays as it is" in page
    assert "marker" not in page
    assert 'href="https://example.com"' in page
    assert page.count("<details>") == page.count("</details>") == 1


_TAGS = re.compile(r"<(/?)(\w+)")
_ALLOWED = re.compile(
    r"p|h[1-6]|[uo]l|li|pre|code|em|strong|s|sub|a|img|br|hr|blockquote|table|thead|tbody|t[rhd]"
    r"|details|summary"
)
_PIECES = (
    *("<details>", "</details>", "<summary>", "</summary>", "<script>", "<!--", "-->", "<"),
    *("```\n", "\n", "`", "<img src=x onerror=y>", "[a](javascript:b)", "text", "|"),
    *("<sub>", "</sub>"),
)


@given(st.lists(st.sampled_from(_PIECES)).map("".join))
def test_no_markdown_gets_a_tag_past_that_is_not_allowed(source: str) -> None:
    page = markdown(source)

    tags = [(close, name) for close, name in _TAGS.findall(page)]
    assert all(_ALLOWED.fullmatch(name) for _, name in tags)
    assert tags.count(("", "details")) == tags.count(("/", "details"))
    assert 'href="javascript' not in page


def test_small_print_is_small_and_what_is_in_it_escaped() -> None:
    assert markdown("<sub>from `main` & <b></sub>") == (
        "<p><sub>from <code>main</code> &amp; &lt;b&gt;</sub></p>\n"
    )
    assert "<sub>" not in markdown("`<sub>a</sub>`")


def test_a_fold_that_is_not_closed_does_not_swallow_the_page() -> None:
    assert markdown("</details><details>x").endswith("</details>")
    assert not markdown("</details>").startswith("</details>")


def test_who_may_not_is_told_why_and_nothing_happens(forge: Forge) -> None:
    _pull(forge)
    forge.token("eve")
    with requests.Session() as browser:
        chooser = f"{forge.sandbox.url}/_sandbox/act-as"
        browser.post(chooser, data={"login": "eve"}, timeout=5)
        page = _do(forge, browser, "merge", number=1, method="merge", back="/pull/1")
        edit = _do(forge, browser, "edit", branch="main", path="app.yaml", content="x")
        hooks = browser.get(f"{forge.sandbox.url}/{CONFIG}/hooks", timeout=5)

    assert "Not done: " in page
    assert "eve needs write access" in edit
    assert "admin access" in hooks.text
    assert not forge.repo().get_pull(1).merged


def test_an_approval_and_a_close_are_buttons_too(forge: Forge, browser: requests.Session) -> None:
    _pull(forge)
    approved = _do(forge, browser, "review", number=1, event="APPROVE")
    _do(forge, browser, "close", number=1)
    closed = forge.repo().get_pull(1).state
    _do(forge, browser, "close", number=1)

    assert "bob approved" in approved
    assert (closed, forge.repo().get_pull(1).state) == ("closed", "open")


def test_what_was_merged_can_be_commented_on_and_not_be_reopened(
    forge: Forge, browser: requests.Session
) -> None:
    _pull(forge)
    forge.repo("bob").get_pull(1).merge()

    page = _get(forge, browser, f"/{CONFIG}/pull/1")

    assert ">Comment</button>" in page
    assert "Reopen" not in page


def test_a_delivery_is_sent_again_from_its_page(hooked: Forge) -> None:
    hooked.repo("bob").create_issue("Something")
    hooked.delivered()
    [logged] = hooked.repo().get_hook_deliveries(hooked.repo().get_hooks()[0].id)
    with requests.Session() as browser:
        browser.post(f"{hooked.sandbox.url}/_sandbox/act-as", data={"login": "alice"}, timeout=5)
        page = _do(hooked, browser, "redeliver", delivery=logged.id)

    assert "Sent again." in page
    assert hooked.events() == [("issues", "opened")]


def test_the_way_back_stays_on_this_site(forge: Forge) -> None:
    for back in ("//evil.example", "https://evil.example", "/\\evil.example"):
        answer = requests.post(
            f"{forge.sandbox.url}/_sandbox/act-as",
            data={"login": "bob", "back": back},
            timeout=5,
            allow_redirects=False,
        )
        assert answer.headers["Location"] == "/"
