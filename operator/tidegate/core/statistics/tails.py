"""Tails of the normal and of Student's distribution, from the standard library alone.

Student's tail is half of the regularised incomplete beta function I_x(df/2, 1/2) at
x = df / (df + t^2), and that is a continued fraction (NIST Digital Library of Mathematical
Functions, 8.17.22), summed by Lentz's method.
"""

import math

TERMS_MOST = 5_000
"""Terms of the continued fraction. About the square root of df is needed: 1,000 for df 1e6."""
DF_MOST = 1e6
"""From here on Student's distribution is taken for the normal one: for |t| up to 6 the tail is
then off by less than 0.04 % of itself."""
_SMALLEST = 1e-300
_CLOSE = 1e-15


def normal_tail(z: float) -> float:
    """P(Z >= z) of the standard normal distribution."""
    return 0.5 * math.erfc(z / math.sqrt(2.0))


def student_tail(t: float, df: float) -> float:
    """P(T >= t) of Student's distribution; df > 0, t finite.

    Relative error below 1e-11 for df up to 1,000 and tails down to 1e-100; see `DF_MOST` for more.
    """
    if df > DF_MOST:
        return normal_tail(t)
    squared = t * t
    if math.isinf(squared):
        return 0.0 if t > 0 else 1.0
    x, rest = df / (df + squared), squared / (df + squared)
    half = 0.5 * incomplete_beta(x, rest, df / 2.0, 0.5)
    return half if t >= 0 else 1.0 - half


def incomplete_beta(x: float, rest: float, a: float, b: float) -> float:
    """I_x(a, b), the regularised incomplete beta function; `rest` is 1 - x.

    Both are asked for, because a small one cannot be had from the other without losing its digits.
    """
    if x <= 0.0:
        return 0.0
    if rest <= 0.0:
        return 1.0
    if x > (a + 1.0) / (a + b + 2.0):  # on this side the fraction of the mirror image is quick
        return 1.0 - incomplete_beta(rest, x, b, a)
    log_front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    log_front += a * math.log(x) + b * math.log(rest)
    return math.exp(log_front) * _fraction(x, a, b) / a


def _fraction(x: float, a: float, b: float) -> float:
    """The continued fraction of I_x(a, b), as 1 / (1 + d1 / (1 + d2 / (1 + ...)))."""
    value, above, below = 1.0, 1.0, 0.0
    for term in range(TERMS_MOST):
        m = term // 2
        if term == 0:
            d = 1.0
        elif term % 2:
            d = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        else:
            d = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        below = 1.0 / _away_from_zero(1.0 + d * below)
        above = _away_from_zero(1.0 + d / above)
        value *= above * below
        if term and abs(above * below - 1.0) < _CLOSE:
            break
    return value - 1.0


def _away_from_zero(number: float) -> float:
    return number if abs(number) > _SMALLEST else _SMALLEST
