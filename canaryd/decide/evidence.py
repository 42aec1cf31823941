"""How strongly counts of failed requests speak against a hypothesis, however often one looks.

One evaluation counts, over the same seconds, requests and those that went wrong: `nc` and `ec` on
the canary, `n_p` and `ep` on the primary. Evidence is the natural logarithm of an e-value.

A bet rho on the hypothesis `p_c <= r p_p + d` is multiplied at each evaluation, with k = nc/n_p, by

    a^ec  b^ep  exp(-nc d (a - 1))      b = (1 + r k) / (1 + rho r k)      a = rho b

At the hypothesis' edge the factor's expectation is 1 for independent Poisson counts, and at most 1
when requests fail independently of one another, each with a probability of its own, because
1 + x <= exp(x): only the two mean rates count, so an outage that both sides share changes nothing.
The product is then a test martingale (or supermartingale), so is the mean over bets, and Ville's
inequality bounds the probability that it ever reaches 1/alpha by alpha, whatever the looks (Ramdas,
Grünwald, Vovk and Shafer, "Game-theoretic statistics and safe anytime-valid inference",
Statistical Science, 2023).

Not covered are failures that come in clumps on one side only. Dividing the logarithm by a
dispersion phi >= 1 makes clumps of exactly phi failures fair again, and keeps independent ones fair
(Jensen's inequality). Clumps of unequal sizes and the same dispersion are not: with geometric sizes
one evaluation's expectation can be tens. Under a cap of 2.3 to 3 it is up to 1.03 for the bets 1.5
and 2 and below 1 for the mixture's first evaluation: computed, not proved, and powers of 1.03 grow,
so there the bound rests on simulation.
The bound is on the unconditional expectation; given the total of failures it does not hold where
r > 1 or d > 0, and nothing here needs it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from operator import add, le, sub

WORSE = (1.5, 2.0, 3.5, 8.0, 25.0)
"""Bets that the canary's rate is so many times the tolerated one."""
BETTER = (0.0, 0.15, 0.35, 0.6, 0.8)
"""Bets that the canary's rate is such a fraction of the margin that it must stay under."""
NOTHING = -math.inf
"""The logarithm of a bet that is lost, or not placed yet."""
DUST = 1e-12
"""What is left in the reserve by rounding does not count."""
RATIOS = (1e-4, 1e4)
"""Where `ratio_interval` looks; beyond them its ends are 0 and infinity."""
HALVINGS = 50


def log_sum_exp(logs: Sequence[float]) -> float:
    """Logarithm of the sum of numbers given by their logarithms, at least one."""
    top = max(logs)
    if math.isinf(top):
        return top
    return top + math.log(sum([math.exp(x - top) for x in logs]))


def mean_log(values: Sequence[float]) -> float:
    """Logarithm of the mean of e-values given by their logarithms; none are no evidence: 0.

    A mean of e-values is one, however they depend on each other.
    """
    return log_sum_exp(values) - math.log(len(values)) if values else 0.0


def refuse_counts(errors: float, requests: float, side: str) -> None:
    """Errors are some of the requests, and both are counts."""
    if not 0 <= errors <= requests < math.inf:
        message = f"{side}: {errors} errors of {requests} requests cannot be"
        raise ValueError(message)


@dataclass(frozen=True, slots=True)
class EProcess:
    """Evidence against `p_c <= ratio p_p + delta` (bets > 1) or `p_c >= ...` (bets < 1).

    `delta` is a fraction of the requests. With `ratio` 0 it is an absolute objective, and the
    primary is not looked at. `cap` bounds from above what one evaluation adds to a bet's logarithm.
    A value never changes. `logv` (one per bet) and `reserve` are its whole state: kept as decimal
    `repr`, with a name for minus infinity, they continue bit for bit.
    """

    ratio: float = 1.0
    delta: float = 0.0
    bets: tuple[float, ...] = WORSE
    cap: float = math.inf
    logv: tuple[float, ...] = ()
    reserve: float = 1.0

    def __post_init__(self) -> None:
        if not self.logv:
            object.__setattr__(self, "logv", (NOTHING,) * len(self.bets))
        if not self.bets or not (min(self.bets) > 1 or 0 <= min(self.bets) <= max(self.bets) < 1):
            message = f"bets must all lie above 1, or all in [0, 1): {self.bets}"
            raise ValueError(message)
        if len(self.logv) != len(self.bets):
            message = f"{len(self.bets)} bets cannot have {len(self.logv)} logarithms"
            raise ValueError(message)
        if not (0 <= self.ratio < math.inf and 0 <= self.delta < math.inf and self.cap > 0):
            message = f"no tolerance: ratio {self.ratio}, delta {self.delta}, cap {self.cap}"
            raise ValueError(message)

    @property
    def log_e(self) -> float:
        """Logarithm of the evidence so far; what is in reserve counts as cash."""
        rest = math.log(self.reserve) if self.reserve > DUST else NOTHING
        return log_sum_exp((*self.logv, rest))

    def release(self, mass: float) -> EProcess:
        """Place up to `mass` of the reserve (1 at the start) on the bets, in equal shares."""
        if not mass >= 0:
            message = f"the mass to release must not be negative: {mass}"
            raise ValueError(message)
        mass = min(mass, self.reserve)
        if mass / len(self.bets) == 0:  # nothing, or after days less than a float can share out
            return self
        share = math.log(mass / len(self.bets))
        logv = tuple([log_sum_exp((v, share)) for v in self.logv])
        return self.on(logv, self.reserve - mass)

    def update(self, ec: float, nc: float, ep: float, n_p: float, phi: float = 1.0) -> EProcess:
        """Bet on the counts of one evaluation alone, tempered by a dispersion `phi` >= 1.

        `phi` must not be chosen with these counts in view; one below 1 voids the bound: refused.
        Without canary requests, or without primary requests to compare with, nothing is learnt.
        """
        refuse_counts(ec, nc, "canary")
        refuse_counts(ep, n_p, "primary")
        if not 1 <= phi < math.inf:
            message = f"a dispersion must be finite and at least 1: {phi}"
            raise ValueError(message)
        if nc == 0 or (n_p == 0 and self.ratio > 0):
            return self
        rk = self.ratio * nc / n_p if self.ratio else 0.0
        allowed, cap, log = nc * self.delta, self.cap, math.log
        logv: list[float] = []
        for rho, v in zip(self.bets, self.logv, strict=True):
            b = (1 + rk) / (1 + rho * rk)
            a = rho * (1 + rk) / (1 + rho * rk)  # in this order, as the definition's own figures
            if ec and not a:
                logv.append(NOTHING)
                continue
            step = (ec * log(a) if ec else 0.0) + ep * log(b) - allowed * (a - 1)
            logv.append(v + min(step / phi, cap))
        return self.on(tuple(logv), self.reserve)

    def on(self, logv: tuple[float, ...], reserve: float) -> EProcess:
        """Make the same process in another state."""
        return EProcess(self.ratio, self.delta, self.bets, self.cap, logv, reserve)


def columns(rows: Sequence[Sequence[float]]) -> list[tuple[float, ...]]:
    """Running totals: in [c], what each pod has counted in its columns before c."""
    zero = (0.0,) * len(rows)
    by_column = zip(*rows, strict=True)
    return list(accumulate(by_column, lambda so_far, x: tuple(map(add, so_far, x)), initial=zero))


def blocks_of(totals: Sequence[tuple[float, ...]], size: int) -> Iterator[tuple[float, ...]]:
    """Counts to compare with each other: of all pods in a block, or of two blocks of one pod."""
    width = len(totals) - 1
    if len(totals[0]) > 1:
        for start in range(0, width - size + 1, size):
            yield tuple(map(sub, totals[start + size], totals[start]))
    else:
        for start in range(0, width - 2 * size + 1, 2 * size):
            (first,), (middle,), (last,) = totals[start : start + 2 * size + 1 : size]
            yield middle - first, last - middle


def refuse_table(errors: Sequence[Sequence[float]], requests: Sequence[Sequence[float]]) -> None:
    """Both tables have the same shape, and hold counts."""
    shapes = [[len(row) for row in table] for table in (errors, requests)]
    if shapes[0] != shapes[1] or len(set(shapes[0])) > 1:
        message = f"every pod must have the same columns of errors and requests: {shapes}"
        raise ValueError(message)
    for pod, (x, n) in enumerate(zip(errors, requests, strict=True)):
        if x and not (min(x) >= 0 and all(map(le, x, n)) and max(n) < math.inf):
            message = f"pod {pod}: counts must be finite, with 0 <= errors <= requests"
            raise ValueError(message)


def dispersion(
    errors: Sequence[Sequence[float]],
    requests: Sequence[Sequence[float]],
    *,
    blocks: Sequence[int] = (1, 3, 6, 18, 30),
    prior: float = 2.0,
) -> float:
    """How many times more the primary's pods differ than independent failures would: at least 1.

    Both tables are [pod][column], a column being one evaluation long. It is Pearson's statistic
    over its expectation, the largest over sizes of block (in columns), drawn towards 1 by `prior`.
    Comparing pods within a block leaves out what they share; longer blocks see longer bursts. One
    pod is compared with itself in the next block, where shared changes count as well.
    """
    refuse_table(errors, requests)
    if not errors or not errors[0]:
        return 1.0
    if not prior > 0 or min(blocks, default=1) < 1:
        message = f"prior and blocks must be positive: {prior}, {tuple(blocks)}"
        raise ValueError(message)
    failed, asked = columns(errors), columns(requests)
    best = 1.0
    for size in blocks:
        seen = expected = prior
        for xs, ns in zip(blocks_of(failed, size), blocks_of(asked, size), strict=True):
            all_failed, all_asked = sum(xs), sum(ns)
            if not (all_failed and all_asked):
                continue
            due = [n * all_failed / all_asked for n in ns]
            seen += sum([(x - mean) ** 2 for x, mean in zip(xs, due, strict=True)])
            expected += sum([m * (1 - n / all_asked) for m, n in zip(due, ns, strict=True)])
        best = max(best, seen / expected)
    return best


def ratio_interval(
    steps: Sequence[tuple[float, float, float, float]],
    level: float = 0.99,
    *,
    phi: float = 1.0,
    cap: float = math.inf,
    halvings: int = HALVINGS,
) -> tuple[float, float]:
    """Ends of a confidence sequence for p_c / p_p: the ratios that the evidence does not refute.

    `steps` are counts (ec, nc, ep, n_p). For showing to people; each of the `halvings` costs two
    replays of them, and brings the ends twice as near.
    """
    if not 0 < level < 1:
        message = f"a confidence level lies between 0 and 1: {level}"
        raise ValueError(message)
    need = math.log(2 / (1 - level))

    def refuted(ratio: float, bets: tuple[float, ...]) -> bool:
        placed = (-math.log(len(bets)),) * len(bets)  # as `release(1.0)` leaves it
        process = EProcess(ratio, 0.0, bets, cap, placed, 0.0)
        for counts in steps:
            process = process.update(*counts, phi)
        return process.log_e >= need

    def end(bets: tuple[float, ...], *, refuted_below: bool) -> float:
        low, high = RATIOS
        for _ in range(halvings):
            middle = math.sqrt(low * high)
            if refuted(middle, bets) is refuted_below:
                low = middle
            else:
                high = middle
        return low

    least, most = RATIOS
    return (
        end(WORSE, refuted_below=True) if refuted(least, WORSE) else 0.0,
        end(BETTER, refuted_below=False) if refuted(most, BETTER) else math.inf,
    )
