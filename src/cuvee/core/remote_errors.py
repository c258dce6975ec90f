"""What stores and servers raise, in one line that says what to do."""

from collections.abc import Iterator
from contextlib import contextmanager

from cuvee.core.errors import Broken, CuveeError
from cuvee.core.methods import EXTRAS

LONGEST = 160
"""Characters of a library's own words, at most."""
AWAY = frozenset({
    "ConnectionError", "ClientConnectionError", "EndpointConnectionError", "HTTPClientError",
    "TimeoutError", "FSTimeoutError", "gaierror", "ClientPayloadError",
})  # fmt: skip
"""Classes of the libraries, told by name as importing them all would take seconds."""
NO_KEYS = frozenset({
    "NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError", "NoAuthTokenError",
    "DefaultCredentialsError", "ClientAuthenticationError",
})  # fmt: skip
LATER = frozenset({429, 500, 502, 503, 504})
"""Answers of a server that is too busy just now."""


@contextmanager
def told(address: str) -> Iterator[None]:
    """Turns whatever a store's library raises into one line."""
    try:
        yield
    except CuveeError:
        raise
    except Exception as error:  # every library has exceptions of its own, with no common root
        raise Broken(f"{address}: {reason(error)}") from error


def is_missing(error: BaseException) -> bool:
    """Whether nothing is there, and no deeper cause hides behind that."""
    return isinstance(error, FileNotFoundError) and reason(error) == NOT_THERE


def may_pass(error: BaseException) -> bool:
    """Whether it is worth trying again."""
    return any(_names(e) & AWAY or _status(e) in LATER for e in _causes(error))


NOT_THERE = "there is no such file; check the address."


def reason(error: BaseException) -> str:
    """What came, and what to do."""
    causes = _causes(error)
    words = next((w for e in causes if (w := _words(e))), type(error).__name__)
    kinds = frozenset[str]().union(*map(_names, causes))
    codes = {_status(e) for e in causes}
    if any(isinstance(e, ImportError) for e in causes):
        return f"a library is missing ({words}){_install(causes)}."
    if kinds & NO_KEYS:
        return (
            "no credentials were found; set those of the store in the environment, or for public "
            """data FSSPEC_S3='{"anon": true}'."""
        )
    if kinds & {"PermissionError"} or codes & {401, 403}:
        return f"it may not be read ({words}); check the credentials in the environment."
    if kinds & {"FileExpired"} or 412 in codes or "PreconditionFailed" in kinds | {words}:
        return CHANGED
    if "pre-conditions" in words or "range requests" in words:
        return CHANGED if "pre-conditions" in words else FROM_START
    if kinds & AWAY:
        return f"it cannot be reached ({words}); check the address and the network."
    if isinstance(error, FileNotFoundError) and not codes - {0, 404}:
        return NOT_THERE
    return f"it cannot be read ({words})."


CHANGED = "it changed, or vanished, while it was in use; start again once nobody writes to it."
FROM_START = (
    "the server hands out files from their start only, and cuvee reads parts; fetch it, and name "
    "the local file."
)


def _causes(error: BaseException) -> list[BaseException]:
    found: list[BaseException] = []
    at: BaseException | None = error
    while at is not None and at not in found:
        found.append(at)
        at = at.__cause__ or (None if at.__suppress_context__ else at.__context__)
    return found[::-1]  # the root first: it knows best


def _names(error: BaseException) -> frozenset[str]:
    code = getattr(error, "response", None)
    named = code.get("Error", {}).get("Code", "") if isinstance(code, dict) else ""
    return frozenset({*(kind.__name__ for kind in type(error).__mro__), named})


def _status(error: BaseException) -> int:
    for name in ("status", "code", "status_code"):
        code = getattr(error, name, None)
        if isinstance(code, int):
            return code
        if isinstance(code, str) and code.isdigit():
            return int(code)
    return 0


def _words(error: BaseException) -> str:
    text = " ".join(str(error).split()).rstrip(".")
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."


def _install(causes: list[BaseException]) -> str:
    for error in causes:
        extra = EXTRAS.get((getattr(error, "name", None) or "").partition(".")[0])
        if extra:
            return f': pip install "cuvee[{extra}]"'
    return "; install it"
