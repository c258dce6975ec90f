"""Does the form decide which copies are found, and no other documents?

2,000 documents of twelve kinds of text, each different in all forms, get a copy each: a quarter as
they are, with other blanks and line ends, in capitals as well, or with other punctuation as well.
"""

import re

import numpy as np
from evidence.copied import texts

from cuvee import clean
from cuvee.clean.exact import FORMS
from cuvee.testing.evidence import Finding
from cuvee.testing.planted_copies import Listed

CHANGES = ("as it is", "blanks", "capitals", "punctuation")
EACH = 500


def run() -> Finding:
    rng = np.random.default_rng(0)
    documents = distinct(len(CHANGES) * EACH)
    copied = [changed(text, CHANGES[i % 4], rng) for i, text in enumerate(documents)]
    items = Listed((*documents, *copied), 200)
    found: dict[str, dict[str, float]] = {}
    wrong = 0
    for form in FORMS:
        canonical = clean.load("exact", form=form).find(items).canonical
        n = len(documents)
        pairs = canonical[:n] == canonical[n:]
        wrong += 2 * n - len(np.unique(canonical)) - int(pairs.sum())
        found[form] = {c: float(pairs[i::4].mean()) for i, c in enumerate(CHANGES)}
    expected = {f: {c: float(i <= j) for i, c in enumerate(CHANGES)} for j, f in enumerate(FORMS)}
    shares = "; ".join(
        f"{form}: {', '.join(f'{c} {v:.1%}' for c, v in row.items())}"
        for form, row in found.items()
    )
    return Finding(
        claim="Each form finds all copies that differ in what it leaves out, and nothing else: "
        "`none` equal text, `space` other blanks, `case` capitals, `words` punctuation, too.",
        measured=f"Copies found, of {EACH} each. {shares}. Documents that went wrongly: {wrong}.",
        holds=found == expected and wrong == 0,
        numbers={"found": found, "wrongly": wrong, "documents": 2 * len(documents)},
    )


def distinct(many: int) -> list[str]:
    """Documents of which no two have the same words."""
    kept: dict[str, str] = {}
    for text in texts():
        key = " ".join(re.findall(r"\w+", text.lower().replace("_", " ")))
        if len(key) > 100:
            kept.setdefault(key, text)
    every = list(kept.values())
    order = np.random.default_rng(1).permutation(len(every))[:many]
    return [every[i] for i in order]


def changed(text: str, how: str, rng: np.random.Generator) -> str:
    """A copy with other blanks; in capitals, too; with other punctuation, too."""
    if how == "as it is":
        return text
    blanks = rng.choice([" ", "\n", "  ", "\t"], len(text))
    spaced = "".join(str(b) if c.isspace() else c for c, b in zip(text, blanks))
    text = f" {re.sub(r'^|$', ' ', spaced)}\n"
    if how in ("capitals", "punctuation"):
        # Letters whose capital is another letter's, or two, are no mere change of case.
        text = "".join(c.upper() if c.upper().lower() == c else c for c in text)
    return text.replace(" ", " - ").replace(".", "!") + "?" if how == "punctuation" else text
