"""How the share removed grows over the steps of a schedule, and what is removed at each of them. No torch."""

from pruning.choices import Curve


def grown(curve: Curve, time: float, final: float) -> float:
    """The share removed at `time`, 0 at the start and 1 at the end, on the way to the share `final`.

    Polynomial: Zhu & Gupta 2017, equation 1 with nothing removed at the start; exponential: each moment removes the same
    share of what is left.
    """
    if time >= 1:
        return final
    if curve is Curve.POLYNOMIAL:
        return final * (1 - (1 - time) ** 3)
    if curve is Curve.EXPONENTIAL:
        return 1 - (1 - final) ** time  # type: ignore[no-any-return]
    return final * time
