"""Records as GitHub's JSON: issues, pull requests, reviews."""

from urllib.parse import quote

from bot.sandbox.git import FileChange
from bot.sandbox.merge import merge_state, mergeable
from bot.sandbox.pulls import conversation, issue, pulls, reviews
from bot.sandbox.records import (
    Comment,
    Issue,
    Label,
    Pull,
    Reaction,
    Repository,
    Review,
)
from bot.sandbox.shapes import Json, node_id
from bot.sandbox.shapes_git import GitShapes

_EMOJI = ("+1", "-1", "laugh", "confused", "heart", "hooray", "eyes", "rocket")


class PullShapes(GitShapes):
    """Adds conversations."""

    def label(self, repo: Repository, label: Label) -> Json:
        """Return a `label`."""
        return {
            "id": label.id,
            "node_id": node_id("Label", label.id),
            "url": f"{self.repo_api(repo)}/labels/{quote(label.name, safe='')}",
            "name": label.name,
            "color": label.color,
            "default": False,
            # Null is not allowed in a list of pull requests, and an empty text is everywhere.
            "description": label.description or "",
        }

    def labels(self, repo: Repository, issue: Issue) -> list[Json]:
        """Return the labels of an issue."""
        found = [self.world.label(repo, name) for name in issue.labels]
        return [self.label(repo, label) for label in found if label]

    def reactions(self, repo: Repository, subject: str, url: str) -> Json:
        """Return a `reaction-rollup`."""
        given = [r.content for r in self.world.store.all(Reaction, repo.id) if r.subject == subject]
        counts: Json = {name: given.count(name) for name in _EMOJI}
        return {"url": f"{url}/reactions", "total_count": len(given), **counts}

    def reaction(self, reaction: Reaction) -> Json:
        """Return a `reaction`."""
        return {
            "id": reaction.id,
            "node_id": node_id("Reaction", reaction.id),
            "user": self.user_of(reaction.author_id),
            "content": reaction.content,
            "created_at": reaction.created_at,
        }

    def assignees(self, issue: Issue) -> list[Json]:
        """Return who an issue is assigned to."""
        found = [self.world.find_account(login) for login in issue.assignees]
        return [self.user(account) for account in found if account]

    def issue(self, repo: Repository, issue: Issue) -> Json:
        """Return an `issue`; a pull request's conversation says so."""
        kind = "pull" if issue.is_pull else "issues"
        url = f"{self.repo_api(repo)}/issues/{issue.number}"
        html = f"{self.repo_web(repo)}/{kind}/{issue.number}"
        assignees = self.assignees(issue)
        comments = [c for c in self.world.store.all(Comment, repo.id) if c.number == issue.number]
        author = self.world.account(issue.author_id)
        shape: Json = {
            "id": issue.id,
            "node_id": node_id("Issue", issue.id),
            "url": url,
            "repository_url": self.repo_api(repo),
            "labels_url": f"{url}/labels{{/name}}",
            "comments_url": f"{url}/comments",
            "events_url": f"{url}/events",
            "timeline_url": f"{url}/timeline",
            "html_url": html,
            "number": issue.number,
            "title": issue.title,
            "body": issue.body,
            "user": self.user(author),
            "labels": self.labels(repo, issue),
            "state": issue.state,
            "state_reason": issue.state_reason,
            "locked": False,
            "active_lock_reason": None,
            "assignee": assignees[0] if assignees else None,
            "assignees": assignees,
            "milestone": None,
            "comments": len(comments),
            "created_at": issue.created_at,
            "updated_at": issue.updated_at,
            "closed_at": issue.closed_at,
            "closed_by": self.user_of(issue.closed_by),
            "author_association": self.association(repo, author),
            "performed_via_github_app": self.app_of(issue.app_id),
            "reactions": self.reactions(repo, f"issue/{issue.number}", url),
        }
        if issue.is_pull:
            at = f"{self.repo_api(repo)}/pulls/{issue.number}"
            pull = next(p for p in pulls(self.world, repo) if p.number == issue.number)
            shape["draft"] = pull.draft
            shape["pull_request"] = {
                "url": at,
                "html_url": html,
                "diff_url": f"{html}.diff",
                "patch_url": f"{html}.patch",
                "merged_at": pull.merged_at,
            }
        return shape

    def comment(self, repo: Repository, comment: Comment) -> Json:
        """Return an `issue-comment`."""
        url = f"{self.repo_api(repo)}/issues/comments/{comment.id}"
        author = self.world.account(comment.author_id)
        about = f"{self.repo_api(repo)}/issues/{comment.number}"
        kind = "pull" if issue(self.world, repo, comment.number).is_pull else "issues"
        page = f"{self.repo_web(repo)}/{kind}/{comment.number}"
        return {
            "id": comment.id,
            "node_id": node_id("IssueComment", comment.id),
            "url": url,
            "html_url": f"{page}#issuecomment-{comment.id}",
            "issue_url": about,
            "body": comment.body,
            "user": self.user(author),
            "created_at": comment.created_at,
            "updated_at": comment.updated_at,
            "author_association": self.association(repo, author),
            "performed_via_github_app": self.app_of(comment.app_id),
            "reactions": self.reactions(repo, f"comment/{comment.id}", url),
        }

    # Pull requests

    def changes(self, repo: Repository, pull: Pull) -> tuple[FileChange, ...]:
        """Return what a pull request changes, counted from where it left its base."""
        git = self.world.git(repo)
        start = git.merge_base(pull.base_sha, pull.head_sha) or pull.base_sha
        return git.changes(start, pull.head_sha)

    def pull(self, repo: Repository, pull: Pull, *, full: bool = False) -> Json:
        """Return a `pull-request-simple`, or a `pull-request`."""
        issue = conversation(self.world, pull)
        url = f"{self.repo_api(repo)}/pulls/{pull.number}"
        html = f"{self.repo_web(repo)}/pull/{pull.number}"
        issue_url = f"{self.repo_api(repo)}/issues/{pull.number}"
        links = {
            "self": url,
            "html": html,
            "issue": issue_url,
            "comments": f"{issue_url}/comments",
            "review_comments": f"{url}/comments",
            "review_comment": f"{self.repo_api(repo)}/pulls/comments{{/number}}",
            "commits": f"{url}/commits",
            "statuses": f"{self.repo_api(repo)}/statuses/{pull.head_sha}",
        }
        author = self.world.account(issue.author_id)
        assignees = self.assignees(issue)
        found = [self.world.find_account(login) for login in pull.reviewers]
        owner = self.world.account(repo.owner_id)
        teams = [self.world.team(owner, slug) for slug in pull.team_reviewers]
        shape: Json = {
            "id": pull.id,
            "node_id": node_id("PullRequest", pull.id),
            "url": url,
            "html_url": html,
            "diff_url": f"{html}.diff",
            "patch_url": f"{html}.patch",
            "issue_url": issue_url,
            "commits_url": links["commits"],
            "review_comments_url": links["review_comments"],
            "review_comment_url": links["review_comment"],
            "comments_url": links["comments"],
            "statuses_url": links["statuses"],
            "number": pull.number,
            "state": issue.state,
            "locked": False,
            "active_lock_reason": None,
            "title": issue.title,
            "body": issue.body,
            "user": self.user(author),
            "labels": self.labels(repo, issue),
            "milestone": None,
            "created_at": issue.created_at,
            "updated_at": issue.updated_at,
            "closed_at": issue.closed_at,
            "merged_at": pull.merged_at,
            "merge_commit_sha": pull.merge_sha,
            "assignee": assignees[0] if assignees else None,
            "assignees": assignees,
            "requested_reviewers": [self.user(account) for account in found if account],
            "requested_teams": [self.team(team) for team in teams if team],
            "head": self._side(pull.head_repo_id, pull.head_ref, pull.head_sha),
            "base": self._side(repo.id, pull.base_ref, pull.base_sha),
            "_links": {name: {"href": address} for name, address in links.items()},
            "author_association": self.association(repo, author),
            "auto_merge": None,
            "draft": pull.draft,
        }
        return shape | self._pull_details(repo, pull, issue) if full else shape

    def _side(self, repo_id: int, ref: str, sha: str) -> Json:
        # A fork may be deleted while its pull request stands.
        repo = self.world.store.get(Repository, repo_id)
        owner = self.world.account(repo.owner_id) if repo else None
        return {
            "label": f"{owner.login}:{ref}" if owner else "unknown repository",
            "ref": ref,
            "sha": sha,
            "user": self.user(owner) if owner else None,
            "repo": self.repository(repo) if repo else None,
        }

    def _pull_details(self, repo: Repository, pull: Pull, issue: Issue) -> Json:
        changes = self.changes(repo, pull)
        is_open = issue.state == "open"
        comments = [c for c in self.world.store.all(Comment, repo.id) if c.number == pull.number]
        can = mergeable(self.world, repo, pull) if is_open else None
        return {
            "merged": pull.merged_at is not None,
            "mergeable": can,
            "rebaseable": can,
            "mergeable_state": merge_state(self.world, repo, pull) if is_open else "unknown",
            "merged_by": self.user_of(pull.merged_by),
            "comments": len(comments),
            "review_comments": 0,
            "maintainer_can_modify": pull.maintainer_can_modify,
            "commits": self.world.git(repo).count(f"{pull.base_sha}..{pull.head_sha}"),
            "additions": sum(change.additions for change in changes),
            "deletions": sum(change.deletions for change in changes),
            "changed_files": len(changes),
        }

    def review(self, repo: Repository, review: Review) -> Json:
        """Return a `pull-request-review`."""
        url = f"{self.repo_api(repo)}/pulls/{review.number}"
        html = f"{self.repo_web(repo)}/pull/{review.number}#pullrequestreview-{review.id}"
        author = self.world.account(review.author_id)
        shape: Json = {
            "id": review.id,
            "node_id": node_id("PullRequestReview", review.id),
            "user": self.user(author),
            "body": review.body,
            "state": review.state,
            "html_url": html,
            "pull_request_url": url,
            "author_association": self.association(repo, author),
            "_links": {"html": {"href": html}, "pull_request": {"href": url}},
            "commit_id": review.commit_sha,
        }
        if review.submitted_at:
            shape["submitted_at"] = review.submitted_at
        return shape

    def pull_reviews(self, repo: Repository, number: int) -> list[Review]:
        """Return the reviews that others may see."""
        return [r for r in reviews(self.world, repo, number) if r.state != "PENDING"]
