"""How a rate is divided among the processes that share it. Pure; the store sees to it that the sum is never more.

The division is max-min fair: a process that wants less than an equal share gets what it wants, and the others divide
the rest equally. What nobody wants is lent in equal parts, with one part left over for a process that begins.
"""

from __future__ import annotations

from collections.abc import Sequence


def fair_portion(rate: float, demand: float, others: Sequence[float]) -> float:
    """The portion of `rate` for a process with this `demand` beside those with the demands `others`; all per second."""
    left, number = rate, len(others) + 1
    for one in sorted((demand, *others)):
        equal = left / number
        if one >= equal:
            return min(demand, equal)
        left -= one
        number -= 1
    return demand + left / (len(others) + 2)
