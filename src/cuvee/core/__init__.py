"""The nouns. Core imports no room."""

from cuvee.core.budget import format_tokens, parse_tokens
from cuvee.core.errors import CuveeError, unknown
from cuvee.core.estimate import Estimate, stack
from cuvee.core.mixture import Limits, Shares, check_shares, nearest
from cuvee.core.objective import Objective, named_numbers, parse_objective
from cuvee.core.points import Points
from cuvee.core.problem import Problem, check_names
from cuvee.core.replay import Ask, next_trial
from cuvee.core.seeds import stream
from cuvee.core.study import Outcome, Study, Trial

__all__ = [
    "Ask",
    "CuveeError",
    "Estimate",
    "Limits",
    "Objective",
    "Outcome",
    "Points",
    "Problem",
    "Shares",
    "Study",
    "Trial",
    "check_names",
    "check_shares",
    "format_tokens",
    "named_numbers",
    "nearest",
    "next_trial",
    "parse_objective",
    "parse_tokens",
    "stack",
    "stream",
    "unknown",
]
