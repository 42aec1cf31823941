"""What every test shares: how hard hypothesis searches."""

import os

from hypothesis import HealthCheck, settings

# No deadline per example and no complaint about slow ones: on a busy machine both blame the code
# for its neighbours.
settings.register_profile(
    "quick", max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("long", parent=settings.get_profile("quick"), max_examples=6_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))
