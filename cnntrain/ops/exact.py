"""Powers made of products alone, the same bits on every machine; ``**`` asks the C library."""


def power(base: float, exponent: int) -> float:
    """base^exponent for a whole exponent >= 0, by repeated squaring."""
    result, square = 1.0, base
    while exponent:
        if exponent % 2:
            result *= square
        square *= square
        exponent //= 2
    return result
