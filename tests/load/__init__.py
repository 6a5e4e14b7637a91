"""A town's worth of webhooks for minutes on end: nothing lost, nothing doubled, memory flat."""
