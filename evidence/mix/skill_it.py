"""Skill-It against equal shares, with the count proxy: for one target, and for all of them.

The paper has two settings: fine-tuning for one skill, where its shares beat equal ones and the
skill's own data alone, and continual pretraining on all domains, where they beat equal ones. Every
corpus of 6 sets is a target in turn.
"""

import numpy as np
from evidence.online_models import BUDGET, SETS, counted, losses, problem_of, solve

from cuvee.core import Limits, Problem
from cuvee.mix.skill_it import SkillIt
from cuvee.testing.evidence import Finding


def run() -> Finding:
    one, alone, every = [], [], []
    for names in SETS:
        trainer = counted(names)
        equal = np.full(len(names), 1 / len(names))
        shares = solve(SkillIt(), problem_of(trainer), trainer)
        every.append(float((losses(trainer, equal) - losses(trainer, shares)).mean()))
        for i, name in enumerate(names):
            problem = Problem.of(
                trainer.sources, trainer.targets, trainer.available, BUDGET, name, Limits(np.inf)
            )
            found = losses(trainer, solve(SkillIt(), problem, trainer))[i]
            one.append(float(losses(trainer, equal)[i] - found))
            alone.append(float(losses(trainer, np.eye(len(names))[i])[i] - found))
    better, than_own = sum(g > 0 for g in one), sum(g > 0 for g in alone)
    return Finding(
        claim="For one target Skill-It's shares beat equal ones and the target's own source alone, "
        "for every target; for the mean over domains they beat equal ones on 6/6 sets.",
        measured=f"One target: better than equal shares for {better}/{len(one)} (by "
        f"{np.mean(one):.3f} nats), than its own source alone for {than_own}/{len(one)} "
        f"({np.mean(alone):+.3f}); mean over domains: {sum(g > 0 for g in every)}/6 sets "
        f"({np.mean(every):+.4f}).",
        holds=better == than_own == len(one) and min(every) > 0,
        numbers={
            "gain_for_one_target": one, "gain_over_own_source_alone": alone,
            "gain_in_mean_loss": every,
        },
    )  # fmt: skip
