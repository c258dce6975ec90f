"""`cuvee completion`: what a shell needs to complete commands, flags, methods and files."""

import argparse
from collections.abc import Iterator
from importlib import import_module

import shtab

SHELLS = ("bash", "zsh", "fish")
ROOM_OF = {
    ("blend", "method"): "mix", ("compare", "methods"): "mix", ("score", "methods"): "mix",
    ("predict", "method"): "predict", ("predict", "methods"): "predict",
    ("choose", "method"): "select", ("choose", "methods"): "select",
    ("dedup", "method"): "clean", ("attributes", "of"): "attributes",
    ("measure", "method"): "measure", ("measure", "methods"): "measure",
    ("export", "to"): "trainers", ("blend", "format"): "export",
    ("", "proxy"): "proxies", ("", "engine"): "engine", ("", "features"): "features",
}  # fmt: skip
"""(command, or any; argument) -> the room whose methods it takes."""
FOLDERS = {"DIR"}
FILES = {
    "FILE", "PATH", "NAME=PATH", "SOURCE", "POOL", "TABLE", "TABLE|N", "T", "A", "C|FILE",
    "RECIPE", "FILE|A=.3,B=.7", "tokenizer.json",
}  # fmt: skip


def completion(options: argparse.Namespace) -> None:
    """Print the script; the shell's own start file keeps it."""
    from cuvee.cli.parser import build_parser

    print(script(build_parser(), options.shell))


def script(parser: argparse.ArgumentParser, shell: str) -> str:
    """The completions of all commands for one shell."""
    for command, below in commands(parser):
        for action in below._actions:
            _teach(command, action)
    return shtab.complete(parser, shell, root_prefix="cuvee")


def commands(
    parser: argparse.ArgumentParser,
) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Each command and its parser."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            yield from action.choices.items()


def _teach(command: str, action: argparse.Action) -> None:
    """Methods of the room that an argument takes, else files where it takes files."""
    room = ROOM_OF.get((command, action.dest)) or ROOM_OF.get(("", action.dest))
    if room is not None:
        action.choices = list(import_module(f"cuvee.{room}").METHODS)
    elif (command, action.dest) == ("methods", "room"):
        from cuvee.cli.methods import ROOMS

        action.choices = list(ROOMS)
    elif action.metavar in FOLDERS:
        action.complete = shtab.DIRECTORY  # type: ignore[attr-defined]
    elif action.metavar in FILES:
        action.complete = shtab.FILE  # type: ignore[attr-defined]
