"""Records as GitLab's JSON: merge requests, issues, notes, labels, emoji; and with them all."""

from collections.abc import Mapping

from bot.sandbox.gitlab_merging import (
    approvals_left,
    approvers,
    conflicts,
    head_pipeline,
    may_approve,
    merge_status,
    objectors,
    squashes,
)
from bot.sandbox.gitlab_shapes import Json, moment, setting
from bot.sandbox.gitlab_shapes_git import GitShapes
from bot.sandbox.pulls import conversation, issue, pulls
from bot.sandbox.records import (
    Account,
    Comment,
    Issue,
    Label,
    Pull,
    Reaction,
    Repository,
    Review,
)

OLD_STATUS = {
    "checking": "checking",
    "conflict": "cannot_be_merged",
    "mergeable": "can_be_merged",
    "preparing": "preparing",
    "unchecked": "unchecked",
}
TO_GITLAB_EMOJI = {"+1": "thumbsup", "-1": "thumbsdown", "hooray": "tada", "laugh": "smile"}
_COLORS: Mapping[str, str] = {"ededed": "6699cc"}


class GitLabShapes(GitShapes):
    """Everything that GitLab's API and webhooks show."""

    def state(self, about: Issue, asked: Pull | None = None) -> str:
        """Return a state in GitLab's word."""
        if asked is not None and asked.merged_at:
            return "merged"
        return "opened" if about.state == "open" else "closed"

    def people(self, logins: tuple[str, ...]) -> list[Json]:
        """Return those of these logins that exist."""
        found = (self.world.find_account(login) for login in logins)
        return [self.user(account) for account in found if account is not None]

    def references(self, repo: Repository, mark: str, iid: int) -> Json:
        """Return how one refers to a merge request or an issue."""
        short = f"{mark}{iid}"
        return {"short": short, "relative": short, "full": f"{self.world.full_name(repo)}{short}"}

    def pull(self, repo: Repository, asked: Pull) -> Json:
        """Return a merge request as lists show it."""
        about = conversation(self.world, asked)
        status = asked.shown_status or merge_status(self.world, repo, asked)
        merged, closed = asked.merged_at, about.closed_at if not asked.merged_at else None
        assignees = self.people(about.assignees)
        merge_commit = asked.merge_sha if asked.merge_how != "ff" else None
        return {
            "id": asked.id,
            "iid": about.iid,
            "project_id": repo.id,
            "title": about.title,
            "description": about.body,
            "state": self.state(about, asked),
            "created_at": moment(about.created_at),
            "updated_at": moment(about.updated_at),
            "merged_by": self.user_of(asked.merged_by),
            "merge_user": self.user_of(asked.merged_by or _auto_merger(asked)),
            "merged_at": moment(merged),
            "closed_by": self.user_of(about.closed_by) if closed else None,
            "closed_at": moment(closed),
            "target_branch": asked.base_ref,
            "source_branch": asked.head_ref,
            "user_notes_count": len(self._said(repo, about)),
            "upvotes": 0,
            "downvotes": 0,
            "author": self.user_of(about.author_id),
            "assignees": assignees,
            "assignee": assignees[0] if assignees else None,
            "reviewers": self.people(asked.reviewers),
            "source_project_id": asked.head_repo_id,
            "target_project_id": repo.id,
            "labels": list(about.labels),
            "draft": asked.draft,
            "imported": False,
            "imported_from": "none",
            "work_in_progress": asked.draft,
            "milestone": None,
            "merge_when_pipeline_succeeds": asked.auto_merge is not None,
            "merge_status": OLD_STATUS.get(status, "can_be_merged"),
            "detailed_merge_status": status,
            "merge_after": None,
            "sha": asked.head_sha,
            "merge_commit_sha": merge_commit,
            "squash_commit_sha": asked.squash_sha,
            "discussion_locked": None,
            "should_remove_source_branch": None,
            "force_remove_source_branch": asked.remove_head,
            "prepared_at": moment(about.created_at),
            "reference": f"!{about.iid}",
            "references": self.references(repo, "!", about.iid),
            "web_url": f"{self.project_web(repo)}/-/merge_requests/{about.iid}",
            "time_stats": _NO_TIME,
            "squash": asked.squash,
            "squash_on_merge": squashes(repo, asked),
            "task_completion_status": {"count": 0, "completed_count": 0},
            "has_conflicts": status == "conflict" or conflicts(self.world, repo, asked),
            "blocking_discussions_resolved": True,
            "approvals_before_merge": None,
        }

    def full_pull(
        self, repo: Repository, asked: Pull, me: Account | None, *, behind: bool = False
    ) -> Json:
        """Return a merge request by itself."""
        git = self.world.git(repo)
        pipeline = head_pipeline(self.world, repo, asked)
        start = git.merge_base(asked.base_sha, asked.head_sha) or asked.base_sha
        shown = self.full_pipeline(repo, pipeline) if pipeline else None
        more = {"diverged_commits_count": git.count(f"{asked.head_sha}..{asked.base_sha}")}
        return {
            **self.pull(repo, asked),
            "subscribed": False,
            "changes_count": str(len(git.changes(start, asked.head_sha))),
            "latest_build_started_at": shown["started_at"] if shown else None,
            "latest_build_finished_at": shown["finished_at"] if shown else None,
            "first_deployed_to_production_at": None,
            "pipeline": self.pipeline(repo, pipeline) if pipeline else None,
            "head_pipeline": shown,
            "diff_refs": {
                "base_sha": start,
                "head_sha": asked.head_sha,
                "start_sha": asked.base_sha,
            },
            "merge_error": asked.merge_error,
            "rebase_in_progress": False,
            "first_contribution": False,
            "user": {"can_merge": me is not None and self.world.may(repo, me, "write")},
            **(more if behind else {}),
        }

    def _said(self, repo: Repository, about: Issue) -> list[Comment]:
        found = self.world.store.all(Comment, repo.id)
        return [c for c in found if c.number == about.number and not c.system]

    def approvals(self, repo: Repository, asked: Pull, me: Account | None) -> Json:
        """Return who approved a merge request, and what is left."""
        about, given = conversation(self.world, asked), approvers(self.world, repo, asked)
        left = approvals_left(self.world, repo, asked)
        mine = me is not None and any(review.author_id == me.id for review in given)
        return {
            "id": asked.id,
            "iid": about.iid,
            "project_id": repo.id,
            "title": about.title,
            "description": about.body,
            "state": self.state(about, asked),
            "created_at": moment(about.created_at),
            "updated_at": moment(about.updated_at),
            "merge_status": OLD_STATUS.get(merge_status(self.world, repo, asked), "can_be_merged"),
            "approved": left == 0,
            "approvals_required": left + len(given) if left else _wanted(repo),
            "approvals_left": left,
            "require_password_to_approve": False,
            "approved_by": [
                {"user": self.user_of(r.author_id), "approved_at": moment(r.submitted_at)}
                for r in given
            ],
            "suggested_approvers": [],
            "approvers": [],
            "approver_groups": [],
            "user_has_approved": mine,
            "user_can_approve": me is not None
            and not mine
            and may_approve(self.world, repo, asked, me),
            "approval_rules_left": [],
            "has_approval_rules": False,
            "merge_request_approvers_available": True,
            "multiple_approval_rules_available": False,
            "invalid_approvers_rules": [],
        }

    def approval_state(self, repo: Repository, asked: Pull) -> Json:
        """Return the approvals by their rules; the sandbox has the one for everybody."""
        given = [self.user_of(r.author_id) for r in approvers(self.world, repo, asked)]
        left = approvals_left(self.world, repo, asked)
        rule = {
            "id": asked.id,
            "name": "All Members",
            "rule_type": "any_approver",
            "report_type": None,
            "eligible_approvers": [],
            "approvals_required": _wanted(repo),
            "users": [],
            "groups": [],
            "contains_hidden_groups": False,
            "section": None,
            "source_rule": None,
            "overridden": False,
            "code_owner": False,
            "approved_by": given,
            "approved": left == 0,
        }
        return {"approval_rules_overwritten": False, "rules": [rule]}

    def reviewer(self, asked: Pull, account: Account, given: list[Review]) -> Json:
        """Return somebody asked to review, with what they said."""
        words = {"APPROVED": "approved", "CHANGES_REQUESTED": "requested_changes"}
        words |= {"COMMENTED": "reviewed"}
        state = words.get(given[-1].state, "unreviewed") if given else "unreviewed"
        about = conversation(self.world, asked)
        shape = {"user": self.user(account), "state": state}
        return {**shape, "created_at": moment(about.created_at)}

    def reviewers(self, repo: Repository, asked: Pull) -> list[Json]:
        """Return those asked to review and those who did."""
        from_all = [r for r in self.world.store.all(Review, repo.id) if r.number == asked.number]
        objecting = {r.author_id for r in objectors(self.world, repo, asked)}
        logins = dict.fromkeys([*asked.reviewers, *(self._login(key) for key in objecting)])
        accounts = [self.world.find_account(login) for login in logins]
        return [
            self.reviewer(asked, a, [r for r in from_all if r.author_id == a.id])
            for a in accounts
            if a is not None
        ]

    def _login(self, key: int) -> str:
        return self.world.account(key).login

    def note(self, repo: Repository, about: Issue, comment: Comment) -> Json:
        """Return a note on a merge request or an issue."""
        kind = "MergeRequest" if about.is_pull else "Issue"
        found = [p for p in pulls(self.world, repo) if p.number == about.number]
        shape: Json = {
            "id": comment.id,
            "type": None,
            "body": comment.body,
            "author": self.user_of(comment.author_id),
            "created_at": moment(comment.created_at),
            "updated_at": moment(comment.updated_at),
            "system": comment.system,
            "noteable_id": found[0].id if found else about.id,
            "noteable_type": kind,
            "project_id": repo.id,
            "resolvable": False,
            "resolved": comment.resolved,
            "confidential": comment.internal,
            "internal": comment.internal,
            "imported": False,
            "imported_from": "none",
            "noteable_iid": about.iid,
            "commands_changes": {},
        }
        if about.is_pull:
            shape["commit_id"] = None
        return shape

    def commit_note(self, repo: Repository, comment: Comment) -> Json:
        """Return a note on a commit."""
        return {
            "id": comment.id,
            "type": None,
            "body": comment.body,
            "author": self.user_of(comment.author_id),
            "created_at": moment(comment.created_at),
            "updated_at": moment(comment.updated_at),
            "system": False,
            "noteable_id": None,
            "noteable_type": "Commit",
            "project_id": repo.id,
            "commit_id": comment.commit_sha,
            "resolvable": False,
            "confidential": False,
            "internal": False,
            "noteable_iid": None,
            "commands_changes": {},
        }

    def issue(self, repo: Repository, about: Issue) -> Json:
        """Return an issue."""
        url = f"{self.project_api(repo)}/issues/{about.iid}"
        assignees = self.people(about.assignees)
        return {
            "id": about.id,
            "iid": about.iid,
            "project_id": repo.id,
            "title": about.title,
            "description": about.body,
            "state": self.state(about),
            "created_at": moment(about.created_at),
            "updated_at": moment(about.updated_at),
            "closed_at": moment(about.closed_at),
            "closed_by": self.user_of(about.closed_by),
            "labels": list(about.labels),
            "milestone": None,
            "assignees": assignees,
            "author": self.user_of(about.author_id),
            "type": "ISSUE",
            "assignee": assignees[0] if assignees else None,
            "user_notes_count": len(self._said(repo, about)),
            "merge_requests_count": 0,
            "upvotes": 0,
            "downvotes": 0,
            "due_date": None,
            "confidential": about.confidential,
            "discussion_locked": None,
            "issue_type": "issue",
            "web_url": f"{self.project_web(repo)}/-/issues/{about.iid}",
            "time_stats": _NO_TIME,
            "task_completion_status": {"count": 0, "completed_count": 0},
            "blocking_issues_count": 0,
            "has_tasks": False,
            "task_status": "",
            "_links": {
                "self": url,
                "notes": f"{url}/notes",
                "award_emoji": f"{url}/award_emoji",
                "project": self.project_api(repo),
                "closed_as_duplicate_of": None,
            },
            "references": self.references(repo, "#", about.iid),
            "severity": "UNKNOWN",
            "moved_to_id": None,
            "imported": False,
            "imported_from": "none",
            "service_desk_reply_to": None,
        }

    def label(self, repo: Repository, label: Label, *, counted: bool = False) -> Json:
        """Return a label."""
        found = [i for i in self.world.store.all(Issue, repo.id) if label.name in i.labels]
        counts = {
            "open_issues_count": sum(i.state == "open" and not i.is_pull for i in found),
            "closed_issues_count": sum(i.state != "open" and not i.is_pull for i in found),
            "open_merge_requests_count": sum(i.state == "open" and i.is_pull for i in found),
        }
        return {
            "id": label.id,
            "name": label.name,
            "description": label.description,
            "description_html": label.description or "",
            "text_color": "#FFFFFF",
            "color": f"#{_COLORS.get(label.color, label.color)}",
            "archived": False,
            **(counts if counted else {}),
            "subscribed": False,
            "priority": None,
            "is_project_label": True,
        }

    def awardable(self, repo: Repository, reaction: Reaction) -> tuple[str, int]:
        """Return the kind and the id of what an emoji was awarded to."""
        kind, _, key = reaction.subject.partition("/")
        if kind == "comment":
            return "Note", int(key)
        about = issue(self.world, repo, int(key))
        found = [p.id for p in pulls(self.world, repo) if p.number == about.number]
        return ("MergeRequest", found[0]) if found else ("Issue", about.id)

    def emoji(self, repo: Repository, reaction: Reaction) -> Json:
        """Return an emoji that somebody awarded."""
        kind, key = self.awardable(repo, reaction)
        return {
            "id": reaction.id,
            "name": TO_GITLAB_EMOJI.get(reaction.content, reaction.content),
            "user": self.user_of(reaction.author_id),
            "created_at": moment(reaction.created_at),
            "updated_at": moment(reaction.created_at),
            "awardable_id": key,
            "awardable_type": kind,
            "url": None,
        }


_NO_TIME: Json = {
    "time_estimate": 0,
    "total_time_spent": 0,
    "human_time_estimate": None,
    "human_total_time_spent": None,
}


def _auto_merger(asked: Pull) -> int | None:
    return int(asked.auto_merge["user_id"]) if asked.auto_merge else None


def _wanted(repo: Repository) -> int:
    return int(setting(repo, "approvals_before_merge") or 0)
