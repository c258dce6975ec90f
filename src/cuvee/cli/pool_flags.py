"""Flags of the commands that look at documents one by one."""

import argparse


def choose(parser: argparse.ArgumentParser) -> None:
    """Flags of `cuvee choose`, those of every command aside."""
    parser.add_argument(
        "pool", nargs="+", metavar="POOL", help="a path, glob or folder; or several, as NAME=PATH"
    )
    parser.add_argument(
        "-k", required=True, metavar="K", help="how much: 5000 documents, 10%% or 20M-tokens"
    )
    parser.add_argument(
        "--target", action="append", metavar="T",
        help="text that the choice is for: PATH or NAME=PATH; may be repeated",
    )  # fmt: skip
    parser.add_argument(
        "--method", metavar="M",
        help="NAME or NAME:SETTING=VALUE (default: dsir:prior=10000; random without a target)",
    )  # fmt: skip
    parser.add_argument(
        "--methods", metavar="A,B,...",
        help="compare these, or all: the loss of a proxy that is trained on each choice",
    )  # fmt: skip
    parser.add_argument(
        "--features", default="lsa", metavar="F",
        help="points of the documents, for methods that look at them (default: lsa)",
    )  # fmt: skip
    parser.add_argument(
        "--embeddings", metavar="C|FILE", help="points: a column of lists, or a .npy file"
    )
    parser.add_argument(
        "--target-embeddings", metavar="C|FILE",
        help="the same of the target (default: the same column)",
    )  # fmt: skip
    parser.add_argument("--labels", metavar="C", help="column with the class of each document")
    parser.add_argument(
        "--quality", metavar="C", help="column of numbers, higher is better; --quality=-C: lower is"
    )
    parser.add_argument(
        "--attributes", metavar="DIR",
        help="that cuvee attributes has written: --quality and --labels may name its columns",
    )  # fmt: skip
    parser.add_argument(
        "--proxy", default="counts", metavar="P", help="with --methods: what is trained"
    )
    parser.add_argument(
        "--seeds", type=int, default=3, metavar="N", help="with --methods: default: 3"
    )
    parser.add_argument("--out", metavar="FILE", help=".parquet, .jsonl or .jsonl.zst to write")
    parser.add_argument(
        "--tokenizer", metavar="FILE",
        help="tokenizer.json; tokens are then its tokens (default: built-in words)",
    )  # fmt: skip
    parser.add_argument("--text-column", metavar="C", help="column or field with the text")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="default: 0")
    parser.add_argument("--strict", action="store_true", help="stop at the first unreadable record")


def dedup(parser: argparse.ArgumentParser) -> None:
    """Flags of `cuvee dedup`."""
    _sources(parser)
    parser.add_argument(
        "--method", default="minhash", metavar="M",
        help="exact, minhash or spans, or NAME:SETTING=VALUE (default: minhash)",
    )  # fmt: skip
    _written(parser)
    parser.add_argument("--strict", action="store_true", help="stop at the first unreadable record")


def decontaminate(parser: argparse.ArgumentParser) -> None:
    """Flags of `cuvee decontaminate`."""
    _sources(parser)
    parser.add_argument(
        "--against", action="append", required=True, metavar="T",
        help="test text that must not be trained on: PATH or NAME=PATH; may be repeated",
    )  # fmt: skip
    parser.add_argument(
        "--n", type=int, default=13, metavar="N", help="words of an n-gram (default: 13)"
    )
    parser.add_argument(
        "--shortest", type=int, default=8, metavar="N",
        help="words of the shortest test document that is looked for (default: 8)",
    )  # fmt: skip
    parser.add_argument(
        "--share", type=float, default=0.0, metavar="P",
        help="part of a test document that a document must hold to go (default: one n-gram)",
    )  # fmt: skip
    parser.add_argument(
        "--common", type=int, default=0, metavar="N",
        help="n-grams in more documents than this are no leak (default: all are)",
    )  # fmt: skip
    parser.add_argument(
        "--cut", action="store_true", help="cut the passages out, instead of leaving documents out"
    )
    _written(parser)


def attributes(parser: argparse.ArgumentParser) -> None:
    """Flags of `cuvee attributes`."""
    _sources(parser)
    parser.add_argument(
        "--of", required=True, metavar="A,B,...", help="e.g. gopher,compression,perplexity"
    )
    parser.add_argument("--out", required=True, metavar="DIR", help="folder of the attributes")
    parser.add_argument(
        "--reference", metavar="PATH", help="text that attributes which learn are fitted to"
    )
    parser.add_argument(
        "--sample-bytes", type=int, default=4 << 20, metavar="N",
        help="text that they are fitted to at most (default: 4 MiB)",
    )  # fmt: skip
    parser.add_argument("--text-column", metavar="C", help="column or field with the text")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="default: 0")


def filter_(parser: argparse.ArgumentParser) -> None:
    """Flags of `cuvee filter`."""
    _sources(parser)
    parser.add_argument(
        "--attributes", required=True, metavar="DIR", help="that cuvee attributes has written"
    )
    parser.add_argument(
        "--where", action="append", required=True, metavar="A>=X",
        help="keep these: COLUMN, COLUMN=WORD, COLUMN>=NUMBER, ...; may be repeated",
    )  # fmt: skip
    parser.add_argument(
        "--out", required=True, metavar="FILE", help=".parquet, .jsonl or .jsonl.zst of what stays"
    )
    parser.add_argument("--text-column", metavar="C", help="column or field with the text")


def board(parser: argparse.ArgumentParser) -> None:
    """Flags of `cuvee board`."""
    parser.add_argument(
        "task", nargs="?", default="all", metavar="TASK[/DATA]",
        help="selection, debugging, acquisition, one of their data, or all (default: all)",
    )  # fmt: skip
    parser.add_argument("--methods", metavar="A,B,...", help="default: all that can be run")
    parser.add_argument("--submit", metavar="FILE", help="an answer of your own, to be scored")
    parser.add_argument("--write", metavar="FILE", help="write what an answer may look at")
    parser.add_argument("--seeds", type=int, default=8, metavar="N", help="boards (default: 8)")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="default: 0")


def measure(parser: argparse.ArgumentParser) -> None:
    """Flags of `cuvee measure`."""
    parser.add_argument(
        "data", nargs="+", metavar="A", help="one data set, two, or with --pairs NAME=PATH ..."
    )
    parser.add_argument(
        "--method", default="", metavar="M", help="NAME or NAME:SETTING=VALUE (default: by data)"
    )
    parser.add_argument(
        "--methods", default="", metavar="A,B,...",
        help="several: names, suitable (what fits the data), or all",
    )  # fmt: skip
    parser.add_argument("--pairs", action="store_true", help="one number for each pair of sources")
    parser.add_argument("--paired", action="store_true", help="row i of both belongs together")
    parser.add_argument("--x", metavar="C,D,...", help="columns of a table to take as numbers")
    parser.add_argument("--y", metavar="C,...", help="columns to measure against those of --x")
    parser.add_argument(
        "--features", default="lsa", metavar="F", help="points of documents (default: lsa)"
    )
    parser.add_argument(
        "--embeddings", metavar="C", help="column of the documents' points, instead"
    )
    parser.add_argument("--labels", metavar="C", help="column with the class of each document")
    parser.add_argument("--out", metavar="FILE", help=".json; with --pairs also .html, a heatmap")
    parser.add_argument("--text-column", metavar="C", help="column or field with the text")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="default: 0")


def explore(parser: argparse.ArgumentParser) -> None:
    """Flags of `cuvee explore`."""
    parser.add_argument("folder", metavar="DIR", help="dataset that cuvee blend --out wrote")
    parser.add_argument(
        "--out", metavar="DIR", help="where datasets and runs are written (default: DIR-explored)"
    )
    parser.add_argument("--port", type=int, default=0, metavar="P", help="default: a free one")
    parser.add_argument("--no-browser", action="store_true", help="only print the address")
    parser.add_argument("--check", action="store_true", help="open the page, ask it once, and stop")
    parser.add_argument("--quiet", action="store_true", help="no progress, only the address")


def _sources(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "sources", nargs="+", metavar="SOURCE", help="a path, glob or folder; or several, NAME=PATH"
    )


def _written(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--out", metavar="FILE", help=".parquet, .jsonl or .jsonl.zst of what stays"
    )
    parser.add_argument(
        "--attributes", metavar="DIR", help="write what became of each document there instead"
    )
    parser.add_argument("--report", metavar="FILE", help="write the report there, as JSON")
    parser.add_argument("--text-column", metavar="C", help="column or field with the text")
