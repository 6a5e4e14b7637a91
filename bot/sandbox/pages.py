"""Small pages to play with: look at repositories and pull requests, act as anybody.

Read from the store, act through the same functions as the API; a development tool's pages, so
there is no log-in: who one acts as is a choice at the top.
"""

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote, urlencode

from aiohttp import web

from bot.sandbox import page_actions, page_pulls, page_views
from bot.sandbox.controls import Controls
from bot.sandbox.errors import Refusal
from bot.sandbox.git import GitError
from bot.sandbox.groups import find_path
from bot.sandbox.markup import Html, fill, joined
from bot.sandbox.page_parts import View
from bot.sandbox.page_places import ROUTES
from bot.sandbox.records import Account
from bot.sandbox.style import STYLE
from bot.sandbox.thread import StoreThread
from bot.sandbox.world import FORGE_LOGIN, World

_COOKIE = "sandbox-acts-as"
_PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>{title}</title>
<link rel="stylesheet" href="/_sandbox/style.css"></head><body><header>
<a href="/"><strong>Sandbox forge</strong></a>
<span class="tool">A development tool on this machine, not {brand}.</span>
<form method="post" action="/_sandbox/act-as"><input type="hidden" name="back" value="{here}">
<label class="soft">act as <select name="login">{people}</select></label>
<button>Switch</button></form></header><main>{said}{content}</main></body></html>"""
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
_VIEWS: Mapping[str, Callable[[View], tuple[str, Html]]] = {
    "repository": page_views.repository,
    "branch": page_views.branch,
    "file": page_views.file,
    "pulls": page_pulls.pull_list,
    "pull": page_pulls.pull_page,
    "issues": page_pulls.issue_list,
    "issue": page_pulls.issue_page,
    "commit": page_pulls.commit,
    "compare": page_pulls.compare,
    "hooks": page_views.hooks,
    "pipeline": page_views.pipeline,
}


class Pages:
    """The pages, and the forms on them."""

    def __init__(self, world: World, controls: Controls, thread: StoreThread) -> None:
        self._world = world
        self._controls = controls
        self._thread = thread

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Add the pages' routes."""
        router.add_get("/_sandbox/style.css", _style)
        router.add_post("/_sandbox/act-as", self._act_as)
        router.add_get("/", self._page(page_views.repositories))
        for name, path in ROUTES:
            router.add_get(path, self._page(_VIEWS[name]))
        router.add_post("/{path:.+}/do/{action}", self._act)

    def _page(self, view: Callable[[View], tuple[str, Html]]) -> Callable[[web.Request], Any]:
        async def handle(request: web.Request) -> web.Response:
            try:
                page = await self._thread.call(lambda: self._rendered(request, view))
            except (Refusal, GitError) as error:
                raise web.HTTPNotFound(text=f"{error}\n") from error
            return web.Response(text=page, content_type="text/html", headers=_HEADERS)

        return handle

    def _rendered(self, request: web.Request, view: Callable[[View], tuple[str, Html]]) -> str:
        me = self._me(request)
        title, content = view(View(self._world, me, dict(request.match_info), dict(request.query)))
        people = self._people()
        options = joined(
            fill(
                "<option{chosen}>{login}</option>",
                chosen=Html(" selected") if me and me.id == a.id else Html(""),
                login=a.login,
            )
            for a in people
        )
        said = request.query.get("said")
        note = fill('<p class="said" role="status">{said}</p>', said=said) if said else Html("")
        return fill(
            _PAGE,
            brand=self._world.ways.brand,
            title=title,
            here=request.path,
            people=options,
            said=note,
            content=content,
        )

    def _me(self, request: web.Request) -> Account | None:
        """Return who the visitor acts as: the chosen one, else the first person there is."""
        chosen = self._world.find_account(request.cookies.get(_COOKIE, ""))
        if chosen is not None and chosen.type == "User":
            return chosen
        return next(iter(self._people()), None)

    def _people(self) -> list[Account]:
        users = [a for a in self._world.store.all(Account) if a.type == "User"]
        return [a for a in users if a.login != FORGE_LOGIN]

    async def _act_as(self, request: web.Request) -> web.Response:
        form = await request.post()
        back = str(form.get("back", "/"))
        # A path on this site and nothing else: `//host` and `/\\host` lead away.
        safe = back if back.startswith("/") and back[1:2] not in {"/", "\\"} else "/"
        answer = web.Response(status=303, headers={"Location": quote(safe, safe="/%")})
        answer.set_cookie(_COOKIE, str(form.get("login", "")), samesite="Strict", httponly=True)
        return answer

    async def _act(self, request: web.Request) -> web.Response:
        form = {name: str(value) for name, value in (await request.post()).items()}
        path = request.match_info["path"]
        action = page_actions.ACTIONS.get(request.match_info["action"])
        if action is None:
            raise web.HTTPNotFound(text="there is no such button\n")

        def act() -> tuple[str, str]:
            me = self._me(request)
            repo = find_path(self._world, path)
            if me is None or repo is None:
                raise web.HTTPNotFound(text="there is no such repository, or nobody to act as\n")
            deed = page_actions.Deed(self._world, self._controls, repo, me, form)
            return action(deed)

        try:
            back, said = await self._thread.call(act)
        except (Refusal, GitError) as error:
            back, said = form.get("back", ""), f"Not done: {error}"
        place = f"/{quote(path)}{quote(back, safe='/?=&%')}"
        if said:
            place += ("&" if "?" in place else "?") + urlencode({"said": said})
        return web.Response(status=303, headers={"Location": place})


async def _style(request: web.Request) -> web.Response:
    del request
    return web.Response(text=STYLE, content_type="text/css")
