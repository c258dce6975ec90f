"""The commands and their flags."""

import argparse
import re
from importlib import import_module
from textwrap import wrap
from typing import Any, NoReturn

from cuvee import __version__
from cuvee.cli import pool_flags, texts


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, as all other errors are said."""

    def error(self, message: str) -> NoReturn:
        """Ends the program with status 2."""
        self.exit(2, f"cuvee: {message}; see {self.prog} --help.\n")


class Help(argparse.HelpFormatter):
    """Fills prose to the width of the terminal, and leaves examples, which are indented, alone."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return "\n".join(
            line if line.startswith("  ") else self._filled(line, width)
            for line in re.sub(r"(?<=\S)\n(?=\S)", " ", text).splitlines()
        )

    @staticmethod
    def _filled(line: str, width: int) -> str:
        return "\n".join(wrap(line, width, break_on_hyphens=False, break_long_words=False))


def build_parser() -> argparse.ArgumentParser:
    """All commands."""
    parser = Parser(
        prog="cuvee", description="Turns many data sources into the training set a budget deserves."
    )
    parser.add_argument("--version", action="version", version=f"cuvee {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    _blend(_command(commands, "blend", texts.BLEND, "blend:blend"))
    _trial(_command(commands, "trial", texts.TRIAL, "blend:trial"))
    _compare(_command(commands, "compare", texts.COMPARE, "compare:compare"))
    _score(_command(commands, "score", texts.SCORE, "runs:score_methods"))
    _predict(_command(commands, "predict", texts.PREDICT, "predict:predict"))
    _convert(_command(commands, "runs", texts.RUNS, "runs:convert"))
    _infer(_command(commands, "infer", texts.INFER, "infer:infer"))
    _discover(_command(commands, "discover", texts.DISCOVER, "discover:discover"))
    chosen = _command(commands, "choose", texts.CHOOSE, "choose:choose")
    pool_flags.choose(chosen)
    _common(chosen)
    for name, text in texts.DOCUMENTS.items():
        function = "filter_" if name == "filter" else name  # Python has a function of that name
        command = _command(commands, name, text, f"{name}:{function}")
        getattr(pool_flags, function)(command)
        _common(command)
    explore = _command(commands, "explore", texts.EXPLORE, "explore:explore")
    pool_flags.explore(explore)
    _means(explore)
    rerun = _command(commands, "rerun", texts.RERUN, "blend:rerun")
    rerun.add_argument(
        "recipe", metavar="RECIPE", help="recipe.json of a dataset, or the .json beside a choice"
    )
    rerun.add_argument(
        "--out", required=True, metavar="DIR", help="folder of the new dataset, or file of a choice"
    )
    rerun.add_argument("--resume", action="store_true", help="go on with an interrupted --out")
    _common(rerun)
    _ranks(rerun)
    _export(_command(commands, "export", texts.EXPORT, "export:export"))
    demo = _command(commands, "demo", texts.DEMO, "demo:demo")
    demo.add_argument("--out", default="demo", metavar="DIR", help="default: demo")
    demo.add_argument("--resume", action="store_true", help="go on with an interrupted --out")
    demo.add_argument("--budget", default="2M", metavar="N", help="tokens; default: 2M")
    _common(demo)
    methods = _command(commands, "methods", texts.METHODS, "methods:methods")
    methods.add_argument("room", nargs="?", metavar="ROOM[/METHOD]", help="e.g. mix")
    methods.add_argument("--json", action="store_true", help="print JSON")
    completion = _command(commands, "completion", texts.COMPLETION, "completion:completion")
    completion.add_argument("shell", choices=("bash", "zsh", "fish"), help="bash, zsh or fish")
    evidence = _command(commands, "evidence", texts.EVIDENCE, "methods:evidence")
    evidence.add_argument("which", nargs="?", metavar="ROOM[/METHOD]", help="default: all")
    evidence.add_argument("--out", metavar="FILE", help="default: evidence/results.json")
    evidence.add_argument("--json", action="store_true", help="print JSON instead of lines")
    evidence.add_argument("--quiet", action="store_true", help="print nothing")
    return parser


def _command(commands: Any, name: str, text: str, run: str) -> argparse.ArgumentParser:
    first, _, rest = text.partition("\n")
    parser = commands.add_parser(
        name, help=first, description=first, epilog=rest,
        formatter_class=Help,
    )  # fmt: skip
    module, function = run.split(":")

    def call(options: argparse.Namespace) -> int | None:
        return getattr(import_module(f"cuvee.cli.{module}"), function)(options)

    parser.set_defaults(run=call)
    return parser


def _question(parser: argparse.ArgumentParser, runs: bool = False) -> None:
    many = "*" if runs else "+"
    parser.add_argument("sources", nargs=many, metavar="NAME=PATH", help="a source of text")
    parser.add_argument(
        "--target", action="append", metavar="T",
        help="text on which a low loss is wanted: PATH, NAME=PATH or the name of a source; "
        "may be repeated; default: a held-out part of every source",
    )  # fmt: skip
    parser.add_argument("--budget", required=not runs, metavar="N", help="tokens, e.g. 10M or 2e9")
    parser.add_argument(
        "--proxy", default="counts", metavar="P", help="stand-in for training (default: counts)"
    )
    parser.add_argument("--strict", action="store_true", help="stop at the first unreadable record")
    _text(parser)


def _text(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--tokenizer", metavar="FILE",
        help="tokenizer.json; tokens are then its tokens (default: built-in words)",
    )  # fmt: skip
    parser.add_argument(
        "--text-column", metavar="C", help="column or field with the text: one name, or A=x,B=y"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="default: 0")
    parser.add_argument(
        "--target-tokens", type=int, default=60_000, metavar="N",
        help="use at most about so many tokens of each target (default: 60000)",
    )  # fmt: skip


def _runs(parser: argparse.ArgumentParser, required: bool = False) -> None:
    parser.add_argument(
        "--runs", action="append", metavar="TABLE" if required else "TABLE|N", required=required,
        help=("" if required else "with a proxy that trains: how many runs to make; else ")
        + "runs that were made: CSV or Parquet with share/<source> and loss/<target>, or the "
        "two files of olmix or RegMix as A,B; may be repeated",
    )  # fmt: skip
    _tables(parser)


def _tables(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--split", action="append", metavar="S=A:W,B:W",
        help="a source of the runs that has been split since, and the weights of its parts",
    )  # fmt: skip
    parser.add_argument(
        "--incomplete", choices=("drop", "refuse"), default="drop",
        help="what to do with runs that lack a loss (default: drop, and say so)",
    )  # fmt: skip


def _common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    parser.add_argument("--quiet", action="store_true", help="no tables, no progress, no notes")
    _means(parser)


def _means(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--workers", type=int, default=0, metavar="N", help="default: all cores")
    parser.add_argument(
        "--engine", default="local", metavar="E", help="local, or ray: a cluster (default: local)"
    )
    parser.add_argument(
        "--address", default="", metavar="A",
        help="of the Ray cluster: auto, or HOST:PORT (default: start one on this machine)",
    )  # fmt: skip


def _dry_run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--dry-run", action="store_true",
        help="look at some of the sources, say what this would read, need and take, and stop",
    )  # fmt: skip


def _ranks(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--rank", type=int, default=0, metavar="R",
        help="number of this process, from 0, of --world that share --out and the work",
    )  # fmt: skip
    parser.add_argument("--world", type=int, default=1, metavar="W", help="default: 1")


def _blend(parser: argparse.ArgumentParser) -> None:
    _question(parser, runs=True)
    parser.add_argument(
        "--method", metavar="M",
        help="NAME or NAME:SETTING=VALUE (default: descent; with real runs surrogate)",
    )  # fmt: skip
    _runs(parser)
    parser.add_argument(
        "--params", type=float, metavar="P", help="with --runs alone: size of the model it is for"
    )
    parser.add_argument(
        "--available", metavar="A=1B,...", help="with --runs alone: tokens that each source holds"
    )
    parser.add_argument(
        "--propose",
        type=int,
        default=0,
        metavar="N",
        help="with --runs alone: name N runs to make next",
    )
    _limits(parser)
    parser.add_argument("--out", metavar="DIR", help="write the dataset and the report there")
    parser.add_argument(
        "--format",
        default="parquet",
        metavar="F",
        help="parquet, jsonl.zst, or index: which documents, in which order (default: parquet)",
    )
    parser.add_argument("--resume", action="store_true", help="go on with an interrupted --out")
    _dry_run(parser)
    _common(parser)
    _ranks(parser)


def _limits(parser: argparse.ArgumentParser, epochs: str | None = None) -> None:
    parser.add_argument(
        "--objective", default="mean", metavar="O",
        help="mean, worst, the name of a target, or A=2,B=1 (default: mean)",
    )  # fmt: skip
    parser.add_argument(
        "--max-epochs", default=epochs, metavar="E",
        help="how often a source may be repeated: a number, inf, or A=2,B=1 (default: 4)",
    )  # fmt: skip
    parser.add_argument(
        "--min-share", default="0", metavar="S", help="floor of shares: a number, or A=.1,B=.2"
    )
    parser.add_argument("--fix", metavar="A=.3,...", help="shares that are decided already")


def _compare(parser: argparse.ArgumentParser) -> None:
    _question(parser)
    parser.add_argument(
        "--methods", default="all", metavar="A,B,...",
        help="all, or NAME or NAME:SETTING=VALUE,... (default: all)",
    )  # fmt: skip
    parser.add_argument(
        "--seeds", type=int, metavar="N", help="default: 5; 1 with a proxy that trains"
    )
    parser.add_argument(
        "--spend", metavar="N",
        help="proxy tokens that each may train on (default: 128 budgets; 16 if it really trains)",
    )  # fmt: skip
    _limits(parser, epochs="4")
    parser.add_argument("--out", metavar="DIR", help="write comparison.json and comparison.html")
    _dry_run(parser)
    _common(parser)
    _ranks(parser)


def _trial(parser: argparse.ArgumentParser) -> None:
    _question(parser)
    parser.add_argument(
        "--shares", required=True, metavar="FILE|A=.3,B=.7", help="mixtures to predict"
    )
    parser.add_argument("--out", metavar="FILE", help="CSV to write (default: print it)")
    _dry_run(parser)
    _common(parser)
    _ranks(parser)


def _export(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("dataset", metavar="DIR", help="that cuvee blend --out has written")
    parser.add_argument("--to", required=True, metavar="T", help="NAME or NAME:SETTING=VALUE")
    parser.add_argument("--out", required=True, metavar="DIR", help="new or empty folder")
    parser.add_argument(
        "--tokenizer", metavar="FILE", help="tokenizer.json, for forms that hold tokens"
    )
    parser.add_argument("--resume", action="store_true", help="accept a finished --out, compared")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--quiet", action="store_true", help="print nothing")


def _score(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "sources", nargs="*", metavar="NAME=PATH",
        help="text of the sources, for methods that start from the count proxy",
    )  # fmt: skip
    _runs(parser, required=True)
    parser.add_argument(
        "--test", action="append", required=True, metavar="TABLE", help="runs to forecast"
    )
    parser.add_argument(
        "--target", action="append", metavar="T", help="a target of the runs (default: all)"
    )
    parser.add_argument(
        "--methods",
        metavar="A,B,...",
        help="all, or NAME or NAME:SETTING=VALUE,... (default: surrogate)",
    )
    parser.add_argument(
        "--target-text", action="append", metavar="NAME=PATH",
        help="text of a target (default: a held-out part of the source of that name)",
    )  # fmt: skip
    parser.add_argument(
        "--available", metavar="A=1B,...", help="tokens that each source holds, for natural"
    )
    _text(parser)
    _common(parser)


def _predict(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("runs", nargs="+", metavar="TABLE", help="runs: CSV or Parquet")
    parser.add_argument("--method", metavar="M", help="a law (default: aggregate, of several)")
    parser.add_argument("--methods", metavar="A,B,...", help="compare these laws, or all")
    parser.add_argument("--target", metavar="T", help="the losses to fit, if there are several")
    parser.add_argument(
        "--at", action="append", default=[], metavar="A=X,B=Y",
        help="a scale to forecast, e.g. params=7e9,tokens=140B; may be repeated",
    )  # fmt: skip
    parser.add_argument("--budget-flops", metavar="C", help="compute whose best size is wanted")
    parser.add_argument("--given", metavar="A=X", help="axes that are the same everywhere")
    parser.add_argument(
        "--where", action="append", default=[], metavar="A=X",
        help="keep these runs: COLUMN=WORD, COLUMN>=NUMBER, ...; may be repeated",
    )  # fmt: skip
    parser.add_argument("--columns", metavar="A=C,...", help="e.g. params=N,loss=val_loss")
    parser.add_argument(
        "--pool", action="store_true", help="fit together what a column of words tells apart"
    )
    parser.add_argument(
        "--outliers",
        choices=("keep", "drop"),
        default="keep",
        help="runs far off any smooth law: keep them and warn, or drop them (default: keep)",
    )
    parser.add_argument("--against", action="append", metavar="TABLE", help="runs of a rival")
    parser.add_argument(
        "--holdout", type=float, metavar="P",
        help="with --methods: part of the runs, the largest, to judge on (default: 0.1)",
    )  # fmt: skip
    parser.add_argument(
        "--fit-part", type=float, metavar="P",
        help="with --methods: part of the runs, the smallest, to fit to (default: all others)",
    )  # fmt: skip
    parser.add_argument("--level", type=float, default=0.9, metavar="P", help="default: 0.9")
    parser.add_argument("--chart", metavar="FILE", help="write a page with the chart")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="default: 0")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    parser.add_argument("--quiet", action="store_true", help="no tables")


def _infer(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("tokenizer", metavar="tokenizer.json", help="a BPE tokenizer")
    parser.add_argument("sources", nargs="+", metavar="NAME=PATH", help="samples of its sources")
    parser.add_argument(
        "--text-column", metavar="C", help="column or field with the text: one name, or A=x,B=y"
    )
    parser.add_argument(
        "--merges", type=int, default=1000, metavar="N", help="merges looked at (default: 1000)"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="default: 0")
    _common(parser)


def _discover(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("path", metavar="PATH", help="text without labels: a file, glob or folder")
    parser.add_argument("--domains", type=int, default=20, metavar="N", help="default: 20")
    parser.add_argument(
        "--clusters", type=int, metavar="N", help="before merging (default: up to 1000)"
    )
    parser.add_argument("--out", metavar="DIR", help="write one Parquet file for each domain")
    parser.add_argument("--text-column", metavar="C", help="column or field with the text")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="default: 0")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--quiet", action="store_true", help="no table")


def _convert(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("runs", nargs="+", metavar="TABLE", help="as for cuvee blend --runs")
    parser.add_argument(
        "--target", action="append", metavar="T", help="keep these targets (default: all)"
    )
    _tables(parser)
    parser.add_argument("--out", metavar="PATH", help="file to write, or folder of two files")
    parser.add_argument(
        "--to", choices=("cuvee", "olmix", "regmix"), default="cuvee", help="form (default: cuvee)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--quiet", action="store_true", help="print nothing")
