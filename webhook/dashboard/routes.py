"""The dashboard's pages: nobody sees anything who may not look, and nothing is changed here."""

import hashlib
import json
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from aiohttp import web
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from webhook.dashboard.access import Access, Refused
from webhook.dashboard.document import Question, Source, Status, Unavailable
from webhook.dashboard.view import page, refresh_of

_HERE = Path(__file__).parent
_STYLE = (_HERE / "style.css").read_text()
_STYLE_HASH = b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_MOST_PAGE, _MOST_TEXT = 100_000, 200
_HEADERS = {
    "Cache-Control": "no-store",
    # Nothing is loaded from anywhere, no script runs, and the one style is this one.
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_JSON = {"Content-Type": "application/json"}
_HTML = {"Content-Type": "text/html; charset=utf-8"}
_TEXT = {"Content-Type": "text/plain; charset=utf-8"}

_templates = Environment(
    autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
)
_PAGE = _templates.from_string((_HERE / "page.html").read_text())


@dataclass(frozen=True, slots=True)
class Dashboard:
    """What the dashboard needs: where it has it from, who may look, and what time it is."""

    source: Source
    access: Access
    now: Callable[[], datetime]

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Add its routes."""
        router.add_get("/", self._shown)
        router.add_get("/api/v1/status", self._told)

    async def _shown(self, request: web.Request) -> web.Response:
        refused = self.access.refused(request.headers, request.remote)
        if refused is not None:
            return _plain(refused)
        question = _question(request.query)
        try:
            status = await self.source.status(question)
        except Unavailable as error:
            return _plain(_unavailable(error))
        refresh = refresh_of(request.query.get("refresh", ""))
        return web.Response(
            text=rendered(status, question, refresh, self.now()), headers=_HEADERS | _HTML
        )

    async def _told(self, request: web.Request) -> web.Response:
        refused = self.access.refused(request.headers, request.remote)
        if refused is None:
            try:
                status = await self.source.status(_question(request.query))
            except Unavailable as error:
                refused = _unavailable(error)
            else:
                return web.Response(
                    text=status.model_dump_json(indent=2) + "\n", headers=_HEADERS | _JSON
                )
        line = json.dumps({"error": refused.error, "help": refused.remedy}) + "\n"
        return web.Response(
            status=refused.status, text=line, headers={**_HEADERS, **_JSON, **refused.headers}
        )


def rendered(status: Status, question: Question, refresh: int | None, now: datetime) -> str:
    """Return the page as HTML; whatever is in `status` is text in it."""
    view = page(status, question, refresh, now)
    # The style is a file of ours, and its hash in the header is of exactly this.
    return _PAGE.render(view=view, style=Markup(_STYLE))  # noqa: S704 -- no text of others


def _question(query: Mapping[str, str]) -> Question:
    number = query.get("page", "1")
    digits = number if number.isascii() and number.isdigit() and len(number) < 9 else "1"
    return Question(
        page=min(max(int(digits), 1), _MOST_PAGE),
        text=query.get("q", "").strip()[:_MOST_TEXT],
        repository=query.get("repo", "").strip()[:_MOST_TEXT],
    )


def _unavailable(error: Unavailable) -> Refused:
    return Refused(
        503,
        f"Nothing can be told now: {error}",
        "Check LOCKSTEP_TEMPORAL_ADDRESS and its server; promotions wait there and lose nothing",
        {"Retry-After": "10"},
    )


def _plain(refused: Refused) -> web.Response:
    return web.Response(
        status=refused.status,
        text=f"{refused.error}. {refused.remedy}.\n",
        headers={**_HEADERS, **_TEXT, **refused.headers},
    )
