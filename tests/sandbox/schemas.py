"""Validate what the sandbox says against GitHub's own descriptions, where they are at hand."""

import json
import os
import re
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import best_match
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from tests.sandbox.gitlab_shapes import Compared, kind_of

_WHERE = os.environ.get("LOCKSTEP_MATERIAL")
_ROOT = "urn:description"
# Routes that the cut of the description leaves out, by the component that they answer with.
_LEFT_OUT = {
    ("GET", "/repos/{}/{}/issues"): ("issue", True),
    ("POST", "/repos/{}/{}/issues"): ("issue", False),
    ("GET", "/repos/{}/{}/issues/comments"): ("issue-comment", True),
    ("GET", "/repos/{}/{}/issues/comments/{}/reactions"): ("reaction", True),
    ("POST", "/repos/{}/{}/issues/comments/{}/reactions"): ("reaction", False),
    ("GET", "/repos/{}/{}/issues/{}/reactions"): ("reaction", True),
    ("POST", "/repos/{}/{}/issues/{}/reactions"): ("reaction", False),
    ("GET", "/repos/{}/{}/git/refs"): ("git-ref", True),
    ("GET", "/repos/{}/{}/git/refs/{}"): ("git-ref", False),
    ("GET", "/repositories/{}"): ("full-repository", False),
    ("GET", "/user/repos"): ("repository", True),
    ("POST", "/user/repos"): ("full-repository", False),
    ("POST", "/repos/{}/{}/forks"): ("full-repository", False),
    ("GET", "/repos/{}/{}/statuses/{}"): ("status", True),
    ("GET", "/orgs/{}/teams"): ("team", True),
    # Described, but there alone its account is a user *and* an enterprise at once.
    ("GET", "/app/installations"): ("installation", True),
    ("GET", "/organizations/{}/team/{}"): ("team-full", False),
    ("GET", "/organizations/{}/team/{}/members"): ("simple-user", True),
    ("GET", "/organizations/{}/team/{}/memberships/{}"): ("team-membership", False),
}
_NO_SCHEMA = {
    "/orgs/{}/members/{}",
    "/orgs/{}/teams/{}/members/{}",
    "/organizations/{}/team/{}/members/{}",
    "/installation/repositories",
    # The cut of the description has nothing of Actions.
    "/repos/{}/{}/actions/workflows/{}/dispatches",
    "/repos/{}/{}/actions/workflows/{}/runs",
    "/repos/{}/{}/actions/runs",
    "/repos/{}/{}/actions/runs/{}",
}

formats = FormatChecker(formats=())


@formats.checks("date-time", raises=ValueError)
def _is_time(value: object) -> bool:
    return not isinstance(value, str) or bool(datetime.fromisoformat(value))


@formats.checks("uri", raises=ValueError)
def _is_address(value: object) -> bool:
    return not isinstance(value, str) or bool(urlsplit(value).scheme)


def _nullable(value: Any) -> Any:
    """Write OpenAPI 3.0's `nullable` as JSON Schema does.

    And `oneOf` as `anyOf`: the alternatives are open objects there, so that one value is
    often several of them at once.
    """
    if isinstance(value, list):
        return [_nullable(item) for item in value]
    if not isinstance(value, dict):
        return value
    schema = {
        "anyOf" if name == "oneOf" else name: _nullable(item)
        for name, item in value.items()
        if name != "nullable"
    }
    return {"anyOf": [schema, {"type": "null"}]} if value.get("nullable") is True else schema


class Description:
    """One OpenAPI file, its schemas found by JSON pointer."""

    def __init__(self, path: Path) -> None:
        self.content = _nullable(json.loads(path.read_text()))
        resource = Resource.from_contents(self.content, default_specification=DRAFT202012)
        self._registry: Registry[Any] = Registry().with_resource(_ROOT, resource)

    def errors(self, pointer: str, value: Any, *, many: bool = False) -> list[str]:
        schema: Mapping[str, Any] = {"$ref": f"{_ROOT}#{pointer}"}
        schema = {"type": "array", "items": schema} if many else schema
        validator = Draft202012Validator(schema, registry=self._registry, format_checker=formats)
        return [
            f"{'/'.join(map(str, deep.absolute_path))}: {deep.message[:300]}"
            for error in validator.iter_errors(value)
            if (deep := best_match([error])) is not None
        ]


@cache
def _description(path: Path) -> Description:
    return Description(path)


def _pointer(*parts: str) -> str:
    return "".join(f"/{part.replace('~', '~0').replace('/', '~1')}" for part in parts)


class Checked:
    """Collects every deviation of answers and webhooks; without the material it checks none."""

    def __init__(self) -> None:
        self.deviations: list[str] = []
        self.gitlab = Compared()
        self.api: Description | None = None
        self.hooks: Description | None = None
        if _WHERE:
            folder = Path(_WHERE) / "github"
            self.api = _description(folder / "openapi_subset.json")
            self.hooks = _description(folder / "openapi_webhooks_subset.json")
            self._paths = {
                re.sub(r"\{[^}]*\}", "{}", path): path for path in self.api.content["paths"]
            }

    def answer(self, method: str, template: str, status: int, body: bytes) -> None:
        """Check one answer of the API."""
        if template.startswith("/api/v4"):
            errors = self.gitlab.answer(method, template, status, body)
            self.deviations += [f"{method} {template} {status}: {error}" for error in errors]
            return
        if self.api is None or not template.startswith("/api/v3"):
            return
        template = template.removeprefix("/api/v3")
        errors = self._answer_errors(self.api, method, template, status, body)
        self.deviations += [f"{method} {template} {status}: {error}" for error in errors]

    def _answer_errors(
        self, api: Description, method: str, template: str, status: int, body: bytes
    ) -> list[str]:
        if status in {204, 304} or not body:
            return [f"a body with {status}"] if body else []
        route = re.sub(r"\{[^}]*\}", "{}", template)
        value = json.loads(body) if body[:1] in b"{[" else body.decode()
        path = self._paths.get(route)
        if path is not None and (method, route) not in _LEFT_OUT:
            responses = api.content["paths"][path].get(method.lower(), {}).get("responses", {})
            if str(status) in responses:
                return self._described(api, (path, method.lower(), str(status)), responses, value)
        if status >= 300:
            return api.errors(_pointer("components", "schemas", "basic-error"), value)
        if (method, route) in _LEFT_OUT:
            name, many = _LEFT_OUT[method, route]
            return api.errors(_pointer("components", "schemas", name), value, many=many)
        return [] if route in _NO_SCHEMA else ["not in GitHub's description"]

    def _described(
        self, api: Description, at: tuple[str, str, str], responses: Any, value: Any
    ) -> list[str]:
        path, method, status = at
        pointer = ("paths", path, method, "responses", status)
        response = responses[status]
        if "$ref" in response:
            pointer = tuple(response["$ref"].removeprefix("#/").split("/"))
            response = api.content[pointer[0]][pointer[1]][pointer[2]]
        content = response.get("content", {})
        kind = "application/json"
        if "application/vnd.github.object" in content:
            kind = "application/vnd.github.object" if isinstance(value, dict) else kind
        if isinstance(value, str) or kind not in content:
            return [] if isinstance(value, str) else [f"no {kind} is described"]
        return api.errors(_pointer(*pointer, "content", kind, "schema"), value)

    def gitlab_hook(self, event: str, payload: Mapping[str, Any]) -> None:
        """Check one of GitLab's webhooks."""
        errors = self.gitlab.hook(payload)
        self.deviations += [f"{event} ({kind_of(payload)}): {error}" for error in errors]

    def hook(self, event: str, payload: Mapping[str, Any]) -> None:
        """Check one webhook."""
        if self.hooks is None or self.api is None:
            return
        action = payload.get("action")
        name = "-".join([event, *([action] if action else [])]).replace("_", "-")
        if name == "pull-request-review-submitted":
            # Left out of the cut; but for its action it is like the dismissed one.
            name, payload = "pull-request-review-dismissed", {**payload, "action": "dismissed"}
        if name.startswith("issues-"):
            pointer = _pointer("components", "schemas", "issue")
            errors = self.api.errors(pointer, payload["issue"])
        elif name in self.hooks.content["webhooks"]:
            parts = ("webhooks", name, "post", "requestBody", "content", "application/json")
            errors = self.hooks.errors(_pointer(*parts, "schema"), payload)
        else:
            errors = ["not in GitHub's description"]
        self.deviations += [f"webhook {name}: {error}" for error in errors]
