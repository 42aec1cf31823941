"""Builders: e-processes as gates are set up with them."""

from __future__ import annotations

import math

from canaryd.decide.evidence import BETTER, EProcess

CAP = math.log(100) / 2
PRESETS = {
    "default": EProcess(1.1, 0.0005),
    "default, capped": EProcess(1.1, 0.0005, cap=CAP),
    "sensitive": EProcess(1.0, 0.0),
    "quiet": EProcess(1.25, 0.001),
    "latency": EProcess(1.1, 0.002),
    "objective": EProcess(0.0, 0.01),
    "pass margin": EProcess(2.0, 0.005, BETTER),
}
