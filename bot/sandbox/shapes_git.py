"""Git's objects as GitHub's JSON: commits, differences, files."""

from urllib.parse import quote

from bot.sandbox.git import Commit, Entry, FileChange, Person
from bot.sandbox.records import Repository
from bot.sandbox.shapes import Json, Shapes, node_id
from bot.sandbox.store import stamp


class GitShapes(Shapes):
    """Adds what git holds."""

    def commit(self, repo: Repository, sha: str) -> Json:
        """Return a `commit` as lists show it."""
        found = self.world.git(repo).commit(sha)
        url, web = self.repo_api(repo), self.repo_web(repo)
        inner = self.git_commit(repo, found)
        return {
            "sha": sha,
            "node_id": node_id("Commit", sha),
            "commit": {
                **{name: inner[name] for name in ("author", "committer", "message", "tree")},
                "url": inner["url"],
                "comment_count": 0,
                "verification": inner["verification"],
            },
            "url": f"{url}/commits/{sha}",
            "html_url": f"{web}/commit/{sha}",
            "comments_url": f"{url}/commits/{sha}/comments",
            "author": self._committer(found.author),
            "committer": self._committer(found.committer),
            "parents": [
                {"sha": p, "url": f"{url}/commits/{p}", "html_url": f"{web}/commit/{p}"}
                for p in found.parents
            ],
        }

    def full_commit(self, repo: Repository, sha: str) -> Json:
        """Return a `commit` with its files."""
        found = self.world.git(repo).commit(sha)
        empty = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
        changes = self.world.git(repo).changes(found.parents[0] if found.parents else empty, sha)
        plus, minus = sum(c.additions for c in changes), sum(c.deletions for c in changes)
        return {
            **self.commit(repo, sha),
            "stats": {"total": plus + minus, "additions": plus, "deletions": minus},
            "files": [self.file(repo, sha, change) for change in changes],
        }

    def git_commit(self, repo: Repository, found: Commit) -> Json:
        """Return a `git-commit`."""
        url, web = self.repo_api(repo), self.repo_web(repo)
        return {
            "sha": found.sha,
            "node_id": node_id("Commit", found.sha),
            "url": f"{url}/git/commits/{found.sha}",
            "html_url": f"{web}/commit/{found.sha}",
            "author": person(found.author),
            "committer": person(found.committer),
            "message": found.message,
            "tree": {"sha": found.tree, "url": f"{url}/git/trees/{found.tree}"},
            "parents": [
                {"sha": p, "url": f"{url}/git/commits/{p}", "html_url": f"{web}/commit/{p}"}
                for p in found.parents
            ],
            "verification": {
                "verified": False,
                "reason": "unsigned",
                "signature": None,
                "payload": None,
                "verified_at": None,
            },
        }

    def simple_commit(self, found: Commit) -> Json:
        """Return a `simple-commit`."""
        return {
            "id": found.sha,
            "tree_id": found.tree,
            "message": found.message,
            "timestamp": stamp(found.committer.when),
            "author": {"name": found.author.name, "email": found.author.email},
            "committer": {"name": found.committer.name, "email": found.committer.email},
        }

    def _committer(self, who: Person) -> Json | None:
        account = self.world.account_of_email(who.email)
        return self.user(account) if account else None

    def file(self, repo: Repository, sha: str, change: FileChange) -> Json:
        """Return a `diff-entry`."""
        path = quote(change.path)
        shape: Json = {
            "sha": change.sha,
            "filename": change.path,
            "status": change.status,
            "additions": change.additions,
            "deletions": change.deletions,
            "changes": change.additions + change.deletions,
            "blob_url": f"{self.repo_web(repo)}/blob/{sha}/{path}",
            "raw_url": f"{self.repo_web(repo)}/raw/{sha}/{path}",
            "contents_url": f"{self.repo_api(repo)}/contents/{path}?ref={sha}",
        }
        if change.patch is not None:
            shape["patch"] = change.patch
        if change.old_path is not None:
            shape["previous_filename"] = change.old_path
        return shape

    def entry(self, repo: Repository, ref: str, entry: Entry) -> Json:
        """Return what `contents` says of one file or directory, its text left out."""
        kinds = {"tree": "dir", "commit": "submodule"}
        kind = "symlink" if entry.mode == "120000" else kinds.get(entry.type, "file")
        url, web = self.repo_api(repo), self.repo_web(repo)
        path = quote(entry.path)
        own = f"{url}/contents/{path}?ref={quote(ref, safe='')}"
        what = "trees" if kind == "dir" else "blobs"
        git = f"{url}/git/{what}/{entry.sha}"
        html = f"{web}/{'tree' if kind == 'dir' else 'blob'}/{quote(ref)}/{path}"
        raw = None if kind == "dir" else f"{web}/raw/{quote(ref)}/{path}"
        return {
            "type": kind,
            "size": entry.size or 0,
            "name": entry.path.rpartition("/")[2],
            "path": entry.path,
            "sha": entry.sha,
            "url": own,
            "git_url": git,
            "html_url": html,
            "download_url": raw,
            "_links": {"self": own, "git": git, "html": html},
        }


def person(who: Person) -> Json:
    """Return an author or committer as git names them."""
    return {"name": who.name, "email": who.email, "date": stamp(who.when)}
