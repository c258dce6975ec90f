"""Documents that are equal, to the byte or but for blanks, case or punctuation."""

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from jaxtyping import UInt64

from cuvee.clean.components import Contents, digests
from cuvee.core.copies import Found, Texts
from cuvee.core.cutting import text_buffers
from cuvee.core.errors import unknown

if TYPE_CHECKING:
    import pyarrow as pa

FORMS = ("none", "space", "case", "words")


@dataclass(frozen=True, slots=True)
class Exact:
    """Documents that are equal as a whole.

    The full text of each is hashed to 128 bits; nothing is kept of a document but that. Of equal
    documents the first stays; of such that are equal only in the compared form, the one whose own
    text has the lowest hash.

    Args:
        form: What is compared. `none`: the text as it is; `space`: with every run of blanks and
            line ends as one space, and none at the ends; `case`: in lower case, too; `words`: its
            letters and digits only, in lower case. A document of which nothing is left in that form
            is compared as it is.

    Fails when: documents differ in a date, a counter or a banner: see `minhash` and `spans`.

    References: Aumasson, Neves, Wilcox-O'Hearn and Winnerlein, "BLAKE2: simpler, smaller, fast as
    MD5", ACNS 2013, https://doi.org/10.1007/978-3-642-38980-1_8
    """

    finds: ClassVar[str] = "copies"
    form: str = "none"

    def __post_init__(self) -> None:
        if self.form not in FORMS:
            raise unknown("form of text", str(self.form), FORMS)

    def find(self, texts: Texts) -> Found:
        """Groups of equal documents; 16 bytes of memory a document, 32 with a form."""
        none = np.zeros((0, 2), np.uint64)
        parts = list(texts(partial(_both, self.form), label="hashing documents"))
        own = Contents.of(np.concatenate([none, *(one for one, _ in parts)]))
        if self.form == "none":
            canonical = own.first[own.number]
        else:
            alike = Contents.of(np.concatenate([none, *(form for _, form in parts)]))
            best = np.full(len(alike.first), len(own.first))
            np.minimum.at(best, alike.number, own.number)
            canonical = own.first[best[alike.number]]
        return Found(canonical, np.ones(len(canonical), np.float32))


def _both(
    form: str, text: "pa.LargeStringArray"
) -> tuple[UInt64[np.ndarray, "documents two"], UInt64[np.ndarray, "documents two"]]:
    """Digests of the documents as they are, and in the form that is compared."""
    own = digests(text)
    if form == "none":
        return own, own
    shaped = formed(text, form)
    empty = np.diff(text_buffers(shaped)[1]) == 0
    return own, np.where(empty[:, None], own, digests(shaped))


def formed(text: "pa.LargeStringArray", form: str) -> "pa.LargeStringArray":
    """Documents in the form in which they are compared."""
    import pyarrow.compute as pc

    call = pc.call_function
    if form in ("case", "words"):
        text = call("utf8_lower", [text])
    pattern = r"[\s\pZ]+" if form in ("space", "case") else r"[^\pL\pM\pN]+"
    replaced = pc.ReplaceSubstringOptions(pattern, " ")
    found = call("replace_substring_regex", [text], replaced)
    return call("utf8_trim_whitespace", [found])
