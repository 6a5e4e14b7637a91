"""How a workflow has a step done, and goes on trying; and how short a wait may be."""

from datetime import timedelta

from temporalio.common import RetryPolicy
from temporalio.workflow import ActivityConfig

# A step that is silent for so long has lost its worker, and another takes it up.
HEARTBEAT_LIMIT = timedelta(seconds=20)
# A forge that is away, a full disk, a token that expired: a normal day, so none is given up.
STEP = ActivityConfig(
    start_to_close_timeout=timedelta(minutes=30),
    heartbeat_timeout=HEARTBEAT_LIMIT,
    retry_policy=RetryPolicy(
        initial_interval=timedelta(seconds=1),
        backoff_coefficient=2,
        # What comes back is noticed within a minute.
        maximum_interval=timedelta(minutes=1),
    ),
)
# A moment that has passed already is no reason to spin.
SHORTEST_WAIT = timedelta(seconds=1)
