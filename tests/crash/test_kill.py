"""The soak of kills at a small size: every command that writes, killed by the system, begun again.

`python -m soak` does the same hundreds of times.
"""

import pytest
from soak.commands import COMMANDS
from soak.kill import campaign

from cuvee.cli.parser import build_parser

PAGES = {"explore"}
"""A page that writes, when it is asked to, as `blend` does, which is killed here."""
DOCUMENTS = ("attributes", "choose", "decontaminate", "dedup", "filter")
SMALL = ("blend", "blend jsonl", "rerun", "compare", "export", "trial", *DOCUMENTS)


@pytest.fixture(scope="module")
def tallies(tmp_path_factory):
    chosen = [command for command in COMMANDS if command.name in SMALL]
    return campaign(tmp_path_factory.mktemp("soak") / "kill", 1, commands=chosen, seed=1)


@pytest.mark.parametrize("name", SMALL)
def test_killed_and_begun_again(tallies, name):
    found = tallies[name]
    assert found.problems == []
    assert (found.differences, found.orphans, found.half) == (0, 0, 0)
    assert found.kills == 1
    assert found.resumed > 0


def test_every_command_is_in_the_soak():
    names = {command.words[0] for command in COMMANDS}
    commands = next(a.choices for a in build_parser()._actions if a.dest == "run" or a.choices)
    writes = {
        name
        for name, parser in commands.items()
        if any({"--out", "--chart", "--write"} & set(a.option_strings) for a in parser._actions)
    }
    assert names == writes - {"evidence"} - PAGES  # evidence is for the makers of cuvee
