"""How a story is told: acts with a number, what people do, and what was seen to come of it."""

import textwrap
from collections.abc import Callable

import click

from bot.cli.demo_stage import HOSTS, NotAsTold

_WIDTH = 88


class Teller:
    """Tells a story by `tell`, a paragraph at a time."""

    def __init__(self, tell: Callable[[str], None] = click.echo) -> None:
        self._tell = tell
        self._acts = 0

    def _act(self, title: str) -> None:
        self._acts += 1
        self._tell("\n" + click.style(f"{self._acts}. {title}", bold=True))

    def _line(self, text: str) -> None:
        self._tell(textwrap.fill(text, _WIDTH, initial_indent="   ", subsequent_indent="   "))

    def _seen(self, text: str, url: str = "") -> None:
        wrapped = textwrap.fill(text, _WIDTH - 2, break_on_hyphens=False)
        first, *rest = wrapped.splitlines()
        sign = click.style("✓", fg="green")
        self._tell("\n".join([f"   {sign} {first}", *(f"     {line}" for line in rest)]))
        if url:
            self._tell(f"     {click.style(url, underline=True)}")

    def _holds(self, text: str, wanted: str, where: str) -> None:
        if wanted not in text:
            raise NotAsTold(f"expected `{wanted}` in {where}\nseen: {text}")

    def _keeps_its_own(self, proposed: str, new: str) -> None:
        """Tell that what is proposed to staging has what is new, and staging's own host."""
        self._holds(proposed, new, "what is proposed")
        self._holds(proposed, HOSTS["staging"], "what is proposed")
        self._seen(
            f"What is proposed keeps staging's own database.host, {HOSTS['staging']}: "
            "`.lockstep.yaml` says that each environment owns it."
        )
