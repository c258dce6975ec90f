"""Whether the arrays of a method fit into memory: said before the work, not after hours of it."""

from cuvee.core.capacity import free_memory, readable
from cuvee.core.errors import CuveeError


def check_room(what: str, least: float, instead: str) -> None:
    """Refuse what certainly does not fit.

    Args:
        what: Whose memory it is, for the message.
        least: Bytes that are needed at the very least.
        instead: What to do.

    Raises:
        CuveeError: With the numbers.
    """
    free = free_memory()
    if free is not None and least > free:
        raise CuveeError(
            f"{what} takes {readable(least)} of memory, and {readable(free)} are free: {instead}."
        )
