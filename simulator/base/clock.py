"""Exact conversion between cycles of a clock and integer femtoseconds."""

from dataclasses import dataclass
from fractions import Fraction
from math import gcd
from typing import Self

FS_PER_S = 10**15
INT64_MAX = 2**63 - 1


@dataclass(frozen=True)
class Clock:
    """A clock as the reduced fraction num/den of femtoseconds per cycle.

    Every instant is computed from the origin, never as a sum of rounded periods, so a clock of 3 GHz is
    still exact after hours of chip time. The fields are public so that kernels can take them as scalars.

    Attributes
    ----------
    num, den : int
        Period in femtoseconds is num/den; both positive, without a common factor.

    Raises
    ------
    ValueError
        If num or den is not positive, or if they have a common factor.
    """

    num: int
    den: int

    def __post_init__(self) -> None:
        if self.num <= 0 or self.den <= 0 or gcd(self.num, self.den) != 1:
            raise ValueError(f"expected a positive, reduced fraction, got {self.num}/{self.den}")

    @classmethod
    def from_hz(cls, hz: int | Fraction) -> Self:
        """Make the clock of a frequency.

        Parameters
        ----------
        hz : int or Fraction
            Frequency in hertz.

        Raises
        ------
        ValueError
            If `hz` is not positive.
        """
        if hz <= 0:
            raise ValueError(f"expected a frequency above 0 Hz, got {hz} Hz")
        period = FS_PER_S / Fraction(hz)
        return cls(period.numerator, period.denominator)

    @property
    def hz(self) -> Fraction:
        """Frequency in hertz, exact."""
        return Fraction(FS_PER_S * self.den, self.num)

    def fs(self, cycle: int) -> int:
        """Instant at which a cycle starts.

        Parameters
        ----------
        cycle : int
            Number of the cycle, counted from the origin.

        Returns
        -------
        int
            Femtoseconds, rounded down.

        Raises
        ------
        OverflowError
            If the instant does not fit int64 (2.5 hours).
        """
        return _int64(int(cycle) * self.num // self.den)

    def cycle_at(self, fs: int) -> int:
        """First cycle that starts at or after an instant; the exact inverse of `fs`.

        Parameters
        ----------
        fs : int
            Instant in femtoseconds.

        Returns
        -------
        int
            Number of the cycle.

        Raises
        ------
        OverflowError
            If the cycle does not fit int64.
        """
        return _int64(-(-int(fs) * self.den // self.num))

    def cycles_of(self, duration_fs: int) -> int:
        """Fewest cycles that last at least a duration, as a minimum in ns becomes cycles.

        Parameters
        ----------
        duration_fs : int
            Duration in femtoseconds.

        Returns
        -------
        int
            Cycles, rounded up.

        Raises
        ------
        OverflowError
            If the count does not fit int64.
        """
        return self.cycle_at(duration_fs)


def _int64(value: int) -> int:
    if not -INT64_MAX - 1 <= value <= INT64_MAX:
        raise OverflowError(f"{value} does not fit a signed 64-bit integer")
    return value
