"""Who is asking: tokens, basic credentials and an App's signed JWTs."""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass

import jwt

from bot.sandbox.records import Account, App, Installation, Repository, Token
from bot.sandbox.world import World, covers

_LEVELS = {"read": 1, "write": 2, "admin": 3}
_LONGEST_JWT = 600


class BadCredentials(Exception):
    """What was shown opens nothing; the message is the forge's answer."""


class Expired(BadCredentials):
    """The token was good until its time was up."""


class Revoked(BadCredentials):
    """The token was good until somebody took it back."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who asks: nobody, an account by its token, or (with `app` alone) an App itself."""

    account: Account | None = None
    token: Token | None = None
    installation: Installation | None = None
    app: App | None = None

    @property
    def key(self) -> str:
        """Return what a rate limit is counted by."""
        if self.token is not None:
            return f"token {self.token.id}"
        return f"app {self.app.id}" if self.app else "anonymous"

    def missing(self, needs: str) -> str | None:
        """Return what the token lacks (`contents=write`, `;` between choices), or None."""
        if self.token is None or self.token.permissions is None:
            return None
        for wanted in needs.split("; "):
            name, _, level = wanted.partition("=")
            held = _LEVELS.get(self.token.permissions.get(name, ""), 0)
            if name == "metadata" or held >= _LEVELS[level]:
                return None
        return needs

    def out_of_scope(self, allowed: Sequence[str]) -> bool:
        """Say whether the token has scopes, and none of these."""
        scopes = self.token.scopes if self.token else None
        return scopes is not None and not set(scopes) & set(allowed)


def identify(world: World, header: str | None) -> Actor:
    """Return who an Authorization header speaks for; raises BadCredentials."""
    if not header:
        return Actor()
    scheme, _, value = header.partition(" ")
    match scheme.lower():
        case "basic":
            return of_secret(world, _password(value))
        case "token":
            return of_secret(world, value.strip())
        case "bearer" if value.count(".") == 2:
            return _of_jwt(world, value.strip())
        case "bearer":
            return of_secret(world, value.strip())
        case _:
            raise BadCredentials("Bad credentials")


def _password(value: str) -> str:
    try:
        user, _, password = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise BadCredentials("Bad credentials") from error
    # GitHub takes the token in either place.
    return password if password not in {"", "x-oauth-basic"} else user


def of_secret(world: World, secret: str) -> Actor:
    """Return who a token speaks for; raises BadCredentials."""
    for token in world.store.all(Token):
        if token.secret == secret:
            break
    else:
        raise BadCredentials("Bad credentials")
    if token.revoked:
        raise Revoked("Bad credentials")
    if token.expires is not None and token.expires <= world.store.clock():
        raise Expired("Bad credentials")
    installation = app = None
    if token.installation_id is not None:
        installation = world.store.get(Installation, token.installation_id)
        app = world.store.get(App, installation.app_id) if installation else None
        if installation is None or installation.suspended_at:
            raise BadCredentials("This installation has been suspended")
    return Actor(world.account(token.account_id), token, installation, app)


def _of_jwt(world: World, value: str) -> Actor:
    try:
        issuer = jwt.decode(value, options={"verify_signature": False}).get("iss")
        app = next(a for a in world.store.all(App) if str(a.id) == str(issuer))
        # PyJWT's own clock is the machine's; so is the sandbox's. iss may be a number.
        claims = jwt.decode(
            value,
            app.public_key,
            algorithms=["RS256"],
            options={"require": ["exp", "iat"], "verify_iss": False},
            leeway=60,
        )
    except StopIteration as error:
        raise BadCredentials("Integration not found") from error
    except jwt.PyJWTError as error:
        raise BadCredentials("A JSON web token could not be decoded") from error
    if claims["exp"] - world.store.clock() > _LONGEST_JWT + 60:
        raise BadCredentials("'Expiration time' claim ('exp') is too far in the future")
    return Actor(app=app)


def reaches(actor: Actor, repo: Repository) -> bool:
    """Say whether a token is for this repository at all."""
    if actor.installation is not None and not covers(actor.installation, repo):
        return not repo.private
    chosen = actor.token.repository_ids if actor.token else None
    return chosen is None or repo.id in chosen or not repo.private


def role(world: World, actor: Actor, repo: Repository) -> str:
    """Return an asker's role; an App's installation does what its permissions say."""
    if actor.installation is not None:
        inside = covers(actor.installation, repo)
        chosen = actor.token.repository_ids if actor.token else None
        if inside and (chosen is None or repo.id in chosen):
            return "admin"
        return "none" if repo.private else "read"
    if not reaches(actor, repo):
        return "none"
    return world.role(repo, actor.account)
