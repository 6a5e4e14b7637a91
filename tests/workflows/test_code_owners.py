"""`code-owners` as a role: whoever owns what changes signs it off, and nobody else can."""

from pathlib import Path

from tests.workflows.village import APP, CONFIGURATION, village

OWNED = CONFIGURATION.replace(
    "checks: [ci/test]\n  - name: prod", "sign_offs: [code-owners]\n  - name: prod"
)


async def test_the_owners_of_what_changes_sign_it_off_and_nobody_else_can(tmp_path: Path) -> None:
    async with village(tmp_path, OWNED) as here:
        await here.push("staging", {"CODEOWNERS": "*.yaml @quinn\n"})
        await here.push("development", {"app.yaml": APP + "more: 1\n"})
        pull = await here.open_into("staging")
        await here.body_says(pull.number, "waiting for the sign-off of")

        await here.say(pull.number, "bob", "/sign-off code-owners")
        await here.answered(pull.number, "needs a member of the role `code-owners`")
        await here.say(pull.number, "quinn", "/sign-off code-owners")

        await here.become(pull.number, "merged")
