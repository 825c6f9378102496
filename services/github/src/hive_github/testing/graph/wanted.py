"""Which of GitHub's types and fields the test GitHub knows. The schema is cut by it."""

from typing import Final

_PAGE: Final = "nodes edges pageInfo totalCount"

WANTED: Final[dict[str, str]] = {
    "Query": "node nodes rateLimit repository viewer",
    "Mutation": (
        "addComment addPullRequestReviewThreadReply convertPullRequestToDraft "
        "dequeuePullRequest disablePullRequestAutoMerge enablePullRequestAutoMerge "
        "enqueuePullRequest markPullRequestReadyForReview mergePullRequest resolveReviewThread "
        "unresolveReviewThread updateIssueComment"
    ),
    "Node": "id",
    "Actor": "login url",
    "User": "id login url databaseId",
    "Bot": "id login url databaseId",
    "Organization": "id login url databaseId",
    "RateLimit": "cost limit nodeCount remaining resetAt used",
    "PageInfo": "endCursor hasNextPage hasPreviousPage startCursor",
    "Repository": (
        "databaseId id isArchived isPrivate issue mergeQueue name nameWithOwner owner pullRequest "
        "pullRequests url"
    ),
    "RepositoryOwner": "id login url",
    "MergeQueue": "entries id url",
    "MergeQueueEntryConnection": _PAGE,
    "MergeQueueEntryEdge": "cursor node",
    "MergeQueueEntry": "enqueuedAt headCommit id position pullRequest state",
    "Commit": "id oid statusCheckRollup",
    "StatusCheckRollup": "id state",
    "Issue": (
        "author body closed comments createdAt databaseId editor id lastEditedAt number state "
        "title url"
    ),
    "IssueComment": "author body createdAt databaseId id updatedAt url",
    "IssueCommentConnection": _PAGE,
    "IssueCommentEdge": "cursor node",
    "PullRequest": (
        "author autoMergeRequest baseRefName baseRefOid body closed comments commits createdAt "
        "databaseId headRefName headRefOid id isDraft isInMergeQueue mergeQueueEntry "
        "mergeStateStatus mergeable merged mergedAt number repository reviewDecision "
        "reviewThreads reviews state title updatedAt url"
    ),
    "PullRequestConnection": _PAGE,
    "PullRequestEdge": "cursor node",
    "PullRequestCommitConnection": _PAGE,
    "PullRequestCommitEdge": "cursor node",
    "PullRequestCommit": "commit id",
    "AutoMergeRequest": "enabledAt enabledBy mergeMethod",
    "PullRequestReviewThreadConnection": _PAGE,
    "PullRequestReviewThreadEdge": "cursor node",
    "PullRequestReviewThread": (
        "comments id isOutdated isResolved line originalLine path pullRequest repository "
        "resolvedBy startLine subjectType"
    ),
    "PullRequestReviewCommentConnection": _PAGE,
    "PullRequestReviewCommentEdge": "cursor node",
    "PullRequestReviewComment": (
        "author body createdAt databaseId diffHunk id line path pullRequestReview replyTo url"
    ),
    "PullRequestReviewConnection": _PAGE,
    "PullRequestReviewEdge": "cursor node",
    "PullRequestReview": "author body databaseId id state submittedAt url",
    "AddCommentPayload": "clientMutationId commentEdge subject",
    "AddPullRequestReviewThreadReplyPayload": "clientMutationId comment",
    "ConvertPullRequestToDraftPayload": "clientMutationId pullRequest",
    "DequeuePullRequestPayload": "clientMutationId mergeQueueEntry",
    "DisablePullRequestAutoMergePayload": "clientMutationId pullRequest",
    "EnablePullRequestAutoMergePayload": "clientMutationId pullRequest",
    "EnqueuePullRequestPayload": "clientMutationId mergeQueueEntry",
    "MarkPullRequestReadyForReviewPayload": "clientMutationId pullRequest",
    "MergePullRequestPayload": "clientMutationId pullRequest",
    "ResolveReviewThreadPayload": "clientMutationId thread",
    "UnresolveReviewThreadPayload": "clientMutationId thread",
    "UpdateIssueCommentPayload": "clientMutationId issueComment",
}
