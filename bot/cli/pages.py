"""Where on the forges people find what the bot speaks of: the addresses of their pages."""

from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from config.settings import Settings
from workflows.values.base import RepositoryKey

# As the settings have the API's root, and where the pages are (docs: "GHE.com").
_PUBLIC_API, _PUBLIC_PAGES = "api.github.com", "github.com"
_API_PATH = "/api/v3"


@dataclass(frozen=True, slots=True)
class Pages:
    """The pages of the forges, by the roots of their sites; a plain git server has none."""

    github: str
    gitlab: str

    @classmethod
    def of(cls, settings: Settings) -> "Pages":
        """Return the pages of the forges that the settings name."""
        return cls(github_site(settings.github_api_url), settings.gitlab_url)

    def repository(self, key: RepositoryKey) -> str | None:
        """Return a repository's page."""
        root = {"github": self.github, "gitlab": self.gitlab}.get(key.forge)
        return None if root is None else f"{root}/{quote(key.full_name)}"

    def pull_request(self, key: RepositoryKey, number: int | None) -> str | None:
        """Return the page of a pull request; None before it is open."""
        repository = self.repository(key)
        if repository is None or number is None:
            return None
        return f"{repository}/{'-/merge_requests' if key.forge == 'gitlab' else 'pull'}/{number}"


def github_site(api_url: str) -> str:
    """Return the root of the site whose API's root this is."""
    parts = urlsplit(api_url)
    if parts.path.rstrip("/").endswith(_API_PATH):
        return api_url.rstrip("/").removesuffix(_API_PATH)
    host = parts.netloc
    if host == _PUBLIC_API:
        host = _PUBLIC_PAGES
    elif host.endswith(".ghe.com"):
        host = host.removeprefix("api.")
    return f"{parts.scheme}://{host}"
