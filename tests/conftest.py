"""What every test shares: how hard hypothesis searches, and that Ctrl-C means Ctrl-C."""

import os
import signal

from hypothesis import HealthCheck, settings

# A shell starts what runs in its background with SIGINT ignored, and children inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

# No deadline per example and no complaint about slow ones: on a busy machine both blame the code
# for its neighbours.
settings.register_profile(
    "quick", max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("long", parent=settings.get_profile("quick"), max_examples=6_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))
