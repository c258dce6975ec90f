"""EXP3-FLAD on a target of 32 labels and 20 auxiliary sets, of which 4 are useful.

A linear softmax model is trained by SGD with real gradients: each trial of the mixer is a step on
the target's labels and on 4 batches of the auxiliary sets that it played. Rivals draw all sets
alike (explore only), or from the softmax of the similarities before training (exploit only, as in
the paper). 150 steps, 20 seeds.
"""

from evidence.online_models import FewShot, few_shot

from cuvee.mix.exp3_flad import Exp3Flad
from cuvee.testing.evidence import Finding


def run() -> Finding:
    return few_shot("EXP3-FLAD", Exp3Flad(steps=FewShot.STEPS, plays=FewShot.PLAYS), range(20))
