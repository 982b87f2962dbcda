"""Published numbers, and how exact they are: to half a unit of their last digit."""

from decimal import Decimal
from typing import Any

import pytest


def stated(digits: str) -> Any:
    """Equal to whatever rounds to these digits."""
    number = Decimal(digits)
    exponent = number.as_tuple().exponent
    assert isinstance(exponent, int)
    # A hair more: what is published was rounded from a number that may lie on the edge.
    return pytest.approx(float(number), abs=0.5000001 * 10.0**exponent, rel=0.0)
