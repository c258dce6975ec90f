"""`cuvee choose`."""

import argparse
import sys
from pathlib import Path

from cuvee import report
from cuvee.cli.made import say_made
from cuvee.cli.progress import progress
from cuvee.cli.words import means, named_paths, targets, text_columns
from cuvee.core import CuveeError
from cuvee.core.capacity import check_writable
from cuvee.core.files import write_whole
from cuvee.core.recipe import to_json
from cuvee.documents import choosing, judging
from cuvee.documents.outputs import Made, beside
from cuvee.documents.selecting import recipe_of
from cuvee.report.say import amount
from cuvee.workplace import at_work


def choose(options: argparse.Namespace) -> None:
    """Choose documents, or compare methods that do."""
    asked = _asked(options)
    if options.methods:
        _compare(options, asked)
    else:
        chosen(options, asked)


def chosen(options: argparse.Namespace, asked: choosing.Selection) -> None:
    """Choose, write if a file is given, and say what was chosen."""
    out = Path(options.out) if options.out else None
    order = choosing.order(asked, out)
    with progress(options.quiet) as show:
        found = order.once(means(options).start(show))
    if isinstance(found, Made):
        say_made(found, options)
        return
    said = found.to_dict()
    if options.json:
        sys.stdout.buffer.write(to_json(said))
    elif not options.quiet:
        report.print_choice(said)
        if out is not None:
            count, tokens = said["chosen"]["documents"], said["chosen"]["tokens"]
            print(f"Wrote {amount(count, 'document')}, {amount(tokens, 'token')}, to {out}.")


def _asked(options: argparse.Namespace) -> choosing.Selection:
    words = options.pool
    named = all("=" in word and not Path(word).exists() for word in words)
    pool = named_paths(words, "source") if named else list(words)
    target = targets(options.target)
    return choosing.selection(
        pool if named or len(words) > 1 else words[0], options.k, target=target,
        method=options.method or "", features=options.features, labels=options.labels,
        quality=options.quality, embeddings=options.embeddings,
        target_embeddings=options.target_embeddings, attributes=options.attributes,
        tokenizer=options.tokenizer, text=text_columns(options.text_column), seed=options.seed,
        strict=options.strict,
    )  # fmt: skip


def _compare(options: argparse.Namespace, asked: choosing.Selection) -> None:
    if options.method:
        raise CuveeError("--method chooses, --methods compares: give one of them.")
    out = Path(options.out) if options.out else None
    folder, work = None, {}
    if out is not None:
        folder = beside(out)  # where finished choices are kept until all are
        if out.suffix != ".json" or (out.exists() and not folder.exists()):
            raise CuveeError(
                f"--out {out}: with --methods expected a new file that ends with .json."
            )
        check_writable(out)
        work = {
            "command": "choose --methods", **asked.settings(), "methods": options.methods,
            "proxy": options.proxy, "seeds": options.seeds,
            "content": recipe_of(asked).fingerprints,
        }  # fmt: skip
    with (
        progress(options.quiet) as show,
        at_work(means(options), asked.question, folder, show, work) as engine,
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
