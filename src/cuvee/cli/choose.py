"""`cuvee choose`."""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from cuvee import report
from cuvee.cli.progress import progress
from cuvee.cli.words import means, named_paths, targets, text_columns
from cuvee.core import CuveeError
from cuvee.core.apart import check_apart
from cuvee.core.files import write_whole
from cuvee.core.recipe import to_json
from cuvee.documents import choosing, judging
from cuvee.documents.keeping import WORK, beside, check_out
from cuvee.workplace import at_work


def choose(options: argparse.Namespace) -> None:
    """Choose documents, or compare methods that do."""
    asked = _asked(options)
    if options.methods:
        _compare(options, asked)
        return
    out = Path(options.out) if options.out else None
    if out is not None:
        check_out(out)
        check_apart(out, asked.question.sources, asked.question.target, file=True)
    choosing.select.load(asked.named)
    folder = None if out is None else beside(out, WORK)
    work = {"command": "choose", **asked.settings()}
    how = means(options)
    with (
        progress(options.quiet) as show,
        at_work(how, asked.question, folder, show, work) as engine,
    ):
        found = choosing.decide(asked, engine)
        if out is not None:
            found.write(out)
    said = found.to_dict()
    if options.json:
        sys.stdout.buffer.write(to_json(said))
    elif not options.quiet:
        report.print_choice(said)
        if out is not None:
            count, tokens = said["chosen"]["documents"], said["chosen"]["tokens"]
            print(f"Wrote {count:,} documents, {tokens:,} tokens, to {out}")


def _asked(options: argparse.Namespace) -> choosing.Selection:
    words = options.pool
    named = all("=" in word and not Path(word).exists() for word in words)
    pool = named_paths(words, "source") if named else list(words)
    target = targets(options.target)
    return choosing.selection(
        pool if named or len(words) > 1 else words[0], options.k, target=target,
        method=options.method or "", features=options.features, labels=options.labels,
        quality=options.quality, embeddings=options.embeddings, tokenizer=options.tokenizer,
        text=text_columns(options.text_column), seed=options.seed, strict=options.strict,
    )  # fmt: skip


def _compare(options: argparse.Namespace, asked: choosing.Selection) -> None:
    if options.method:
        raise CuveeError("--method chooses, --methods compares: give one of them.")
    out = Path(options.out) if options.out else None
    if out is not None and (out.suffix != ".json" or out.exists()):
        raise CuveeError(f"--out {out}: with --methods expected a new file that ends with .json.")
    how = means(options)
    with (
        progress(options.quiet) as show,
        at_work(replace(how), asked.question, None, show, {}) as engine,
    ):
        board = judging.judge(
            asked, options.methods, proxy=options.proxy, seeds=options.seeds, engine=engine
        )
    said = to_json(board.to_dict())
    if out is not None:
        write_whole(out, lambda path: path.write_bytes(said))
    if options.json:
        sys.stdout.buffer.write(said)
    elif not options.quiet:
        report.print_board(board.to_dict())
