"""Where the sandbox and what is known of GitLab's shapes differ on purpose, and why."""

from collections.abc import Mapping

NOT_DESCRIBED: frozenset[str] = frozenset(
    {
        # GitLab documents these in prose alone: the description has none of them.
        "/users",
        "/labels",
        "/notes",
        "/discussions",
        "/resource_label_events",
        "/access_tokens",
        "/projects/{id}/approvals",
        # A call for the headers alone is answered wherever the whole is.
        "/projects/{id}",
    }
)
"""Parts of routes that no description has."""

_PAID = frozenset(
    {
        "approval_rules_left",
        "approvals_left",
        "approvals_required",
        "approver_groups",
        "approvers",
        "created_at",
        "description",
        "has_approval_rules",
        "id",
        "iid",
        "invalid_approvers_rules",
        "merge_request_approvers_available",
        "merge_status",
        "multiple_approval_rules_available",
        "project_id",
        "require_password_to_approve",
        "state",
        "suggested_approvers",
        "title",
        "updated_at",
    }
)
_SIGNING = frozenset({"signing_token_present", "token_present"})

ANSWERED_AS: Mapping[str | None, str] = {
    # Described in their short forms, and answered in the long ones.
    "API_Entities_BasicProjectDetails": "API_Entities_ProjectWithAccess",
    "API_Entities_Ci_JobBasic": "API_Entities_Ci_Job",
    "API_Entities_Commit": "API_Entities_CommitDetail",
    "API_Entities_CurrentUser": "API_Entities_UserPublic",
}
"""Schemas that stand for others."""

BEYOND_DESCRIPTION: Mapping[str, frozenset[str]] = {
    # Described is the free edition's; a paid one says how many are wanted and left.
    "API_Entities_MergeRequestApprovals": _PAID,
    "API_Entities_Ci_PipelineBasic": frozenset({"name"}),
    "API_Entities_Ci_Pipeline": frozenset({"name"}),
    # A new project is answered as its maker sees it.
    "API_Entities_Project": frozenset({"permissions"}),
    "API_Entities_Group": frozenset({"shared_with_groups"}),
    # Cancelling an auto-merge answers a bare status.
    "API_Entities_MergeRequest": frozenset({"status"}),
    # Newer than the description: signed deliveries.
    "API_Entities_ProjectHook": _SIGNING,
    "API_Entities_Hook": _SIGNING,
}
"""Keys of an answer that its described schema lacks."""

_OF_PULLS = (
    "approval_rules",
    "assignee_ids",
    "blocking_discussions_resolved",
    "draft",
    "first_contribution",
    "prepared_at",
    "reviewer_ids",
    "source.ci_config_path",
    "state_id",
    "target.ci_config_path",
    "time_change",
)
BEYOND_RECORDINGS: Mapping[str, frozenset[str]] = {
    # In GitLab's code for years, and in no recording of these kinds.
    "any": frozenset({"project.ci_config_path"}),
    "note MergeRequest": frozenset(
        {
            "object_attributes.description",
            "object_attributes.internal",
            *(f"merge_request.{name}" for name in _OF_PULLS),
        }
    ),
    "note Commit": frozenset({"object_attributes.description", "object_attributes.internal"}),
    "note Issue": frozenset({"object_attributes.description", "object_attributes.internal"}),
    "merge_request": frozenset(
        {"object_attributes.approval_rules", "object_attributes.prepared_at"}
    ),
    "pipeline": frozenset({"commit.title", "object_attributes.protected_ref"}),
    "tag_push": frozenset({"push_options"}),
    "repository_update": frozenset({"project.id"}),
    "project_create": frozenset({"project_namespace_id"}),
    "project_rename": frozenset({"project_namespace_id"}),
    "project_transfer": frozenset({"project_namespace_id"}),
    # Since 16.2, and recorded by nobody.
    "emoji": frozenset(),
}
"""Paths of a webhook that no recording of its kind has; a kind by itself was never recorded."""

RECORDED_ONLY: Mapping[str, frozenset[str]] = {}
"""Keys that every recording of a kind has, and GitLab no longer sends."""
