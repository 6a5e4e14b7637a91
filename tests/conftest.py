"""What holds for every test: a property is judged by what it says, never by how long it took."""

import os

from hypothesis import HealthCheck, settings

settings.register_profile(
    "rules",
    # The machine may be busy; what must be fast is measured by `make bench`.
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    # Where a change is judged, the same examples every time; whoever works on it searches on.
    derandomize=bool(os.environ.get("CI")),
)
settings.load_profile("rules")
