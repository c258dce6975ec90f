"""How much of which source? Baselines first: they are what every method has to beat."""

from cuvee.contracts import Mixer
from cuvee.core.methods import make as _make

METHODS = {
    "uniform": "cuvee.mix.uniform:Uniform",
    "natural": "cuvee.mix.natural:Natural",
    "own_share": "cuvee.mix.own_share:OwnShare",
    "temperature": "cuvee.mix.temperature:Temperature",
    "unimax": "cuvee.mix.unimax:Unimax",
    "cooldown": "cuvee.mix.cooldown:Cooldown",
    "descent": "cuvee.mix.descent:Descent",
    "regmix": "cuvee.mix.regmix:Regmix",
    "climb": "cuvee.mix.climb:Climb",
    "modomodo": "cuvee.mix.modomodo:Modomodo",
    "mde": "cuvee.mix.mde:Mde",
    "merging": "cuvee.mix.merging:Merging",
    "ambient": "cuvee.mix.ambient:Ambient",
    "projektor": "cuvee.mix.projektor:Projektor",
    "two_phase": "cuvee.mix.two_phase:TwoPhase",
    "annealing": "cuvee.mix.annealing:Annealing",
    "odm": "cuvee.mix.odm:Odm",
    "exp3_flad": "cuvee.mix.exp3_flad:Exp3Flad",
    "ucb1_flad": "cuvee.mix.ucb1_flad:Ucb1Flad",
    "dump": "cuvee.mix.dump:Dump",
    "doremi": "cuvee.mix.doremi:Doremi",
    "doge": "cuvee.mix.doge:Doge",
    "skill_it": "cuvee.mix.skill_it:SkillIt",
    "aioli": "cuvee.mix.aioli:Aioli",
}


def load(name: str, **settings: object) -> Mixer:
    """A mixer by name, or by `"module:Class"`."""
    return _make(METHODS, name, "mix", **settings)
