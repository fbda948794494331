"""Numbers as tokens, in the encodings of Charton, *Linear algebra with transformers* (2021), with a chosen number of digits.

A number is rounded to ±m · 10^e with m of exactly `digits` decimal digits. As text, tokens between blanks, for three digits
and 3.14 (314 · 10^-2):

    P10     + 3 1 4 E-2       a sign, a token a digit, an exponent
    P1000   + 314 E-2         a sign, a token for every three digits, an exponent
    FP15    FP314/-2          all of it in one token

    encoding = Encoding("P1000", 3)
    texts = encoding.texts(np.array([3.14159, -0.5]))       # ["+ 314 E-2", "- 500 E-3"]
    encoding.values("+ 314 E-2 - 500 E-3")                  # array([3.14, -0.5])
"""

from dataclasses import dataclass
from functools import cache, cached_property
from typing import Literal

import numpy as np

Kind = Literal["P10", "P1000", "FP15"]
# Powers of ten of the last digit. Smaller numbers are zero, larger ones are an error.
LOWEST, HIGHEST = -16, 16
GROUP = 3  # digits in a token of P1000
MOST_DIGITS = {"P10": 15, "P1000": 15, "FP15": 3}  # float64 has 15; a vocabulary of FP15 has all of its numbers in it


@dataclass(frozen=True)
class Encoding:
    """How numbers are written: the kind, and the significant digits."""

    kind: Kind
    digits: int

    def __post_init__(self) -> None:
        if not 1 <= self.digits <= MOST_DIGITS[self.kind]:
            raise ValueError(f"{self.kind}: expected 1 to {MOST_DIGITS[self.kind]} digits, got {self.digits}")

    @classmethod
    def of(cls, text: str) -> "Encoding | None":
        """The encoding of a text's first number; None where it is none."""
        tokens = text.split()
        if not tokens:
            return None
        if tokens[0].startswith("FP"):
            digits = len(tokens[0][2:].partition("/")[0].lstrip("-"))
            return cls("FP15", digits) if 1 <= digits <= MOST_DIGITS["FP15"] else None
        end = next((place for place, token in enumerate(tokens) if token.startswith("E")), 0)
        widths = [len(token) for token in tokens[1:end]]
        if not 1 <= sum(widths) <= MOST_DIGITS["P1000"]:
            return None
        return cls("P10" if set(widths) == {1} else "P1000", sum(widths))

    def rounded(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(sign -1 or 1, mantissa with `digits` digits or 0, exponent of its last digit), each int64 in the shape of `values`.

        ValueError for what is no finite number, or too large.
        """
        values = np.asarray(values, dtype=np.float64)
        if not np.isfinite(values).all():
            raise ValueError("expected finite numbers")
        size = np.abs(values)
        with np.errstate(divide="ignore"):
            exponent = np.where(size > 0, np.floor(np.log10(size)) - self.digits + 1, 0.0)
        mantissa = np.rint(_scaled(size, exponent))
        # A logarithm may be off by one at a power of ten, and rounding may carry into a digit more.
        low, high = mantissa < 10 ** (self.digits - 1), mantissa >= 10**self.digits
        exponent = exponent + high - (low & (size > 0))
        mantissa = np.rint(_scaled(size, exponent))
        if (exponent > HIGHEST).any():
            raise ValueError(f"expected numbers below 1e{HIGHEST + self.digits}, got {size.max():.3g}")
        zero = (size == 0) | (exponent < LOWEST)
        mantissa, exponent = np.where(zero, 0, mantissa), np.where(zero, 0, exponent)
        return np.where((values < 0) & ~zero, -1, 1), mantissa.astype(np.int64), exponent.astype(np.int64)

    def texts(self, values: np.ndarray) -> list[str]:
        """Each number's tokens, in the order of the flattened array."""
        sign, mantissa, exponent = (part.ravel() for part in self.rounded(values))
        # Every different number is written once: a corpus has a few thousand of them, many times over.
        base = 10**self.digits
        keys, places = np.unique(((exponent - LOWEST) * base + mantissa) * 2 + (sign < 0), return_inverse=True)
        written = [
            self._written(-1 if key % 2 else 1, key // 2 % base, key // 2 // base + LOWEST) for key in map(int, keys.tolist())
        ]
        found: list[str] = np.array(written, dtype=object)[places.ravel()].tolist()
        return found

    def values(self, text: str) -> np.ndarray | None:
        """The numbers that a text writes, (numbers,) float64; None where it is no sequence of whole numbers."""
        tokens = text.split()
        length = self.tokens
        if len(tokens) % length:
            return None
        found = []
        for start in range(0, len(tokens), length):
            value = (
                _read(self.digits).get(" ".join(tokens[start : start + length]))
                if self.kind == "FP15"
                else self._value(tokens[start : start + length])
            )
            if value is None:
                return None
            found.append(value)
        return np.array(found)

    @property
    def tokens(self) -> int:
        """Tokens a number."""
        return {"P10": 2 + self.digits, "P1000": 2 + len(self._groups), "FP15": 1}[self.kind]

    def vocabulary(self) -> list[str]:
        """Every token that a number may have."""
        if self.kind == "FP15":
            return list(_read(self.digits))
        digits = [f"{digit:0{width}d}" for width in sorted({*self._groups}) for digit in range(10**width)]
        return ["+", "-", *digits, *(f"E{exponent}" for exponent in range(LOWEST, HIGHEST + 1))]

    @cached_property
    def _groups(self) -> tuple[int, ...]:
        """How many digits each token of the mantissa holds."""
        if self.kind == "P10":
            return (1,) * self.digits
        first = self.digits % GROUP
        return (*((first,) if first else ()), *(GROUP,) * (self.digits // GROUP))

    def _written(self, sign: int, mantissa: int, exponent: int) -> str:
        if self.kind == "FP15":
            return _token(sign, mantissa, exponent, self.digits)
        digits, parts = f"{mantissa:0{self.digits}d}", []
        for width in self._groups:
            parts.append(digits[:width])
            digits = digits[width:]
        return " ".join(["-" if sign < 0 else "+", *parts, f"E{exponent}"])

    def _value(self, tokens: list[str]) -> float | None:
        """One number of P10 or P1000; None where a token is not one of its place."""
        sign, *digits, exponent = tokens
        if sign not in ("+", "-") or not exponent.startswith("E"):
            return None
        if any(
            len(part) != width or not part.isascii() or not part.isdigit()
            for part, width in zip(digits, self._groups, strict=True)
        ):
            return None
        if exponent[1:] not in _EXPONENTS:
            return None
        mantissa = int("".join(digits))
        if mantissa and len(str(mantissa)) != self.digits:  # no number is written so
            return None
        return (-1 if sign == "-" else 1) * _number(mantissa, _EXPONENTS[exponent[1:]])


def _token(sign: int, mantissa: int, exponent: int, digits: int) -> str:
    return f"FP{'-' if sign < 0 else ''}{mantissa:0{digits}d}/{exponent}"


@cache
def _read(digits: int) -> dict[str, float]:
    """FP15: every token, with its number."""
    found = {_token(1, 0, 0, digits): 0.0}
    for sign in (1, -1):
        for exponent in range(LOWEST, HIGHEST + 1):
            for mantissa in range(10 ** (digits - 1), 10**digits):
                found[_token(sign, mantissa, exponent, digits)] = sign * _number(mantissa, exponent)
    return found


_EXPONENTS = {str(exponent): exponent for exponent in range(LOWEST, HIGHEST + 1)}


def _scaled(size: np.ndarray, exponent: np.ndarray) -> np.ndarray:
    """size · 10^-exponent, by one multiplication or division with an exact power of ten."""
    power = 10.0 ** np.abs(exponent)
    return np.where(exponent < 0, size * power, size / power)


def _number(mantissa: int, exponent: int) -> float:
    """m · 10^e, as Python reads a decimal."""
    return float(f"{mantissa}e{exponent}")
