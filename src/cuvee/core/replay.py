"""Run a plain optimiser inside `propose` and `recommend`.

A mixer learns nothing between calls: all that it knows is the study. An optimiser that wants
losses one after another is therefore replayed from its start, its questions answered from the
study; the first question that the study cannot answer becomes the next trial. So every optimiser
can be killed, resumed and watched, and works with any proxy.
"""

from collections.abc import Callable

from cuvee.core.study import Outcome, Study, Trial

Ask = Callable[[Trial], Outcome]


class _Unknown(Exception):
    def __init__(self, trial: Trial) -> None:
        self.trial = trial


def next_trial(study: Study, search: Callable[[Ask], object]) -> tuple[Trial, ...]:
    """The first trial that a search asks for and the study does not hold; none if it ends.

    Args:
        study: Trials so far.
        search: Deterministic function of the outcomes that it asks for.
    """
    known = study.known()

    def ask(trial: Trial) -> Outcome:
        outcome = known.get(trial.key())
        if outcome is None:
            raise _Unknown(trial)
        return outcome

    try:
        search(ask)
    except _Unknown as unknown:
        return (unknown.trial,)
    return ()
