"""What does a person look at? Text for a terminal, a page for a browser, a card for a dataset."""

from cuvee.report.card import as_card
from cuvee.report.choice import board_text, choice_text, print_board, print_choice
from cuvee.report.measured import (
    heatmap,
    measured_text,
    measurements_text,
    pairs_page,
    pairs_text,
    print_measured,
    print_measurements,
    print_pairs,
)
from cuvee.report.notebook import fragment
from cuvee.report.page import as_html
from cuvee.report.plan import plan_text, print_plan
from cuvee.report.prediction import (
    contrast_text,
    law_scores_text,
    prediction_page,
    prediction_text,
    print_contrast,
    print_law_scores,
    print_prediction,
)
from cuvee.report.scores import print_next, print_scores, scores_text
from cuvee.report.text import as_text, print_answer
from cuvee.report.versus import comparison_page, comparison_text, print_comparison

__all__ = [
    "as_card", "as_html", "as_text", "board_text", "choice_text", "comparison_page",
    "comparison_text", "contrast_text", "fragment", "heatmap", "law_scores_text", "measured_text",
    "measurements_text", "pairs_page", "pairs_text", "plan_text", "prediction_page",
    "prediction_text", "print_answer", "print_board", "print_choice", "print_comparison",
    "print_contrast", "print_law_scores", "print_measured", "print_measurements", "print_next",
    "print_pairs", "print_plan", "print_prediction",
    "print_scores", "scores_text",
]  # fmt: skip
