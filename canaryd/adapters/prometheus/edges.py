"""Bucket edges: numbers to us, text to Prometheus, which has spelt them in more than one way."""

from __future__ import annotations

import math
from decimal import Decimal


def spellings(edge: float) -> tuple[str, ...]:
    """Return every way in which a server may write this `le`: 50, 50.0, 1800000, 1.8e+06."""
    if math.isinf(edge):
        return ("+Inf",)
    exact = Decimal(repr(edge)).normalize()
    plain = format(exact, "f")
    digits = "".join(map(str, exact.as_tuple().digits))
    mantissa = digits[0] + (f".{digits[1:]}" if len(digits) > 1 else "")
    whole = () if "." in plain else (f"{plain}.0",)
    # Envoy writes 32 digits, which shows what binary fractions really are.
    envoy = f"{edge:.32g}"
    return tuple(dict.fromkeys((plain, *whole, f"{mantissa}e{exact.adjusted():+03d}", envoy)))
