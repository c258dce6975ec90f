"""What `--help` says of each command: a first line, then examples."""

BLEND = """\
Find the best blend of several sources for a target and a budget, and write it.

  cuvee blend 'web=web/*.parquet' code=code/ books=books.jsonl.zst \\
      --target val.jsonl --budget 10M --out mixed/
  cuvee blend 'web=web/*.parquet' code=code/ --target val.jsonl --budget 1M \\
      --proxy transformer --runs 16
  cuvee blend --runs runs.csv --target pile_cc

The second form trains 16 small models, each where counts and the runs before say that it teaches
most. The third needs no text: it learns from training runs that you already have.
A source is NAME=PATH: parquet, jsonl (.gz, .zst), arrow/feather, csv/tsv, plain text,
a folder of such files, or a Hugging Face dataset saved to disk. Quote globs.
"""
TRIAL = """\
Predict the losses of mixtures that you give, without training or by one small run of each.

  cuvee trial 'web=web/*.parquet' code=code/ --target val.jsonl --budget 10M \\
      --shares mixtures.csv --out losses.csv
  cuvee trial 'web=web/*.parquet' code=code/ --shares web=0.3,code=0.7 \\
      --budget 10M

mixtures.csv has columns share/<source>; losses.csv has the same rows in the same order,
with loss/<target> and its spread sd/<target>. With --proxy transformer each mixture is trained on.
"""
COMPARE = """\
Run every method on your data, and judge each on documents that none has seen.

  cuvee compare 'web=web/*.parquet' code=code/ books=books.jsonl.zst \\
      --target val.jsonl --budget 10M --methods all --seeds 5 --out compared/

Half of each target's documents are for choosing, half for judging. Every method may spend the
same proxy tokens on its trials.
"""
SCORE = """\
How well does each method forecast runs that it has not seen?

  cuvee score --runs train.csv --test test.csv \\
      --methods surrogate,regmix,mixing_law

Every method is fitted to the first table and judged on the second: rank correlation, error,
regret of the mixture that it would choose, coverage of its intervals, seconds.
The baselines uniform, natural and own_share are always there.
"""
PREDICT = """\
What would training give at another budget or size? A law fitted to your runs, and how sure it is.

  cuvee predict runs.csv --at params=7e9,tokens=140e9
  cuvee predict runs.csv --method chinchilla --target pile \\
      --budget-flops 1e24 --chart law.html
  cuvee predict runs.csv --methods all
  cuvee predict ours.csv --against theirs.csv --at params=7e9,tokens=140e9

runs.csv has columns params, tokens and loss/<target>; every other column of numbers is an axis
that a law may use. The third form compares laws on the largest runs, which they did not see; the
fourth compares two procedures by their laws.
"""
CHOOSE = """\
Choose documents of a pool: those that a target needs, or that cover the rest best.

  cuvee choose 'web/*.parquet' -k 10% --target val.jsonl --out chosen.parquet
  cuvee choose web=web/ code=code/ -k 20M-tokens --target val.jsonl \\
      --method rds \\
      --out a.jsonl.zst
  cuvee choose 'web/*.parquet' -k 5000 --target val.jsonl --methods all

Every column is kept; choice_rank, choice_score and choice_group say why a document was taken.
The third form trains a proxy on each method's choice, and says which beats random choice.
"""
DEDUP = """\
Find documents that stand more than once, exactly or nearly, and write what stays.

  cuvee dedup 'web/*.parquet' --out kept.parquet
  cuvee dedup web=web/ code=code/ --method exact --attributes duplicates/
  cuvee dedup 'web/*.parquet' --method minhash:threshold=0.7 \\
      --report report.json

Of a group the copy with the lowest hash stays, so the order of files decides about nothing. Every
column is kept; with --attributes the data stay as they are, and a side file says what became of
each document.
"""
DECONTAMINATE = """\
Take test text out of the sources, and say what had leaked.

  cuvee decontaminate 'web/*.parquet' --against test.jsonl --out clean.parquet
  cuvee decontaminate web=web/ --against mmlu=mmlu.jsonl --cut \\
      --out clean.jsonl.zst

A document goes that shares an n-gram of 13 words with a test document; with --cut only the shared
passage goes.
"""
ATTRIBUTES = """\
Find out about each document, and write it beside the data, which stay as they are.

  cuvee attributes 'web/*.parquet' --of gopher,compression --out attributes/
  cuvee attributes web=web/ --of perplexity --reference val.jsonl \\
      --out attributes/

`cuvee methods attributes` lists what can be asked for.
"""
FILTER = """\
Write the documents of which something is known to be so.

  cuvee filter 'web/*.parquet' --attributes attributes/ \\
      --where gopher_keep --out good.parquet

The attributes are those that `cuvee attributes` has written for the same files.
"""
BOARD = """\
How good are methods of choice on tasks with known faults? Same seed, same board.

  cuvee board selection
  cuvee board debugging/digits --methods random,ccs,pruning --seeds 10
  cuvee board selection/text --write task.parquet
  cuvee board selection/text --submit answer.csv

selection: choose rows to train on, from noisy labels. debugging: find the wrong labels.
acquisition: choose from whom to buy.
"""
MEASURE = """\
How much is in the data, and how do sources differ? A number with its interval, and when it lies.

  cuvee measure web.parquet code.parquet --method mmd
  cuvee measure a.npy b.npy --paired
  cuvee measure runs.csv --x lr,batch --y loss --method ksg
  cuvee measure web.parquet --methods suitable
  cuvee measure web=web.parquet code=code/ books=books.jsonl --pairs \\
      --out differ.html

`cuvee methods measure` lists what can be measured. Text is measured through its features.
"""
DOCUMENTS = {
    "dedup": DEDUP, "decontaminate": DECONTAMINATE, "attributes": ATTRIBUTES,
    "filter": FILTER, "board": BOARD, "measure": MEASURE,
}  # fmt: skip
"""Commands that look at documents, beside `choose`."""
RUNS = """\
What a table of runs holds; written in another form if asked.

  cuvee runs ratios.csv,metrics.csv --out runs.csv
  cuvee runs runs.csv --to olmix --out swarm/
"""
EXPLORE = """\
Drag shares and budget on a page in the browser, and see the predicted losses move.

  cuvee blend web=web/ code=code/ --target val.jsonl --budget 10M --out mixed/
  cuvee explore mixed/

The page is served on this machine only, to whoever opens the address that is printed.
"""
INFER = """\
What was a tokenizer trained on? Shares of candidate sources, from its list of merges.

  cuvee infer tokenizer.json de='german/*.parquet' en='english/*.parquet' \\
      code=code/

Give samples of every source that may have been in its training text.
"""
DISCOVER = """\
Find domains in text that has no labels, to be mixed as sources.

  cuvee discover 'crawl/*.parquet' --domains 20 --out domains/

Documents are embedded and clustered; each domain is described by its most telling words and, with
--out, written to a Parquet file. The command that mixes them is printed.
"""
EXPORT = """\
Write a mixed dataset in the form that a trainer reads.

  cuvee export mixed/ --to megatron --out megatron/
  cuvee export mixed/ --to mds --out shards/
  cuvee export mixed/ --to tokens:eos=none --tokenizer tokenizer.json \\
      --out tokens/

Some stacks read the mixed documents in a form of their own; others mix each source's own files and
are given the weights. `cuvee methods trainers` lists them all.
"""
RERUN = """\
Do again what a recipe says: the same input gives the same bytes.

  cuvee rerun mixed/recipe.json --out again/
  cuvee rerun chosen.parquet.json --out again.parquet

Paths in the recipe are as they were typed: run this from the same folder.
"""
DEMO = """\
The main job on text that every Python installation carries.

Sources are code, docstrings, comments, names of characters and the language reference, which is
the target and far too small to train on alone.
"""
METHODS = """\
List the methods of every room, or of one; or say all of a method and its settings.

  cuvee methods trainers
  cuvee methods trainers/tokens
"""
COMPLETION = """\
Print what a shell needs to complete commands, flags, names of methods, and files.

  bash:  cuvee completion bash > cuvee.bash; source ./cuvee.bash
  zsh:   cuvee completion zsh > ~/.zfunc/_cuvee
  fish:  cuvee completion fish > ~/.config/fish/completions/cuvee.fish

Folders that your shell reads by itself are best: in bash those of
~/.local/share/bash-completion/completions, in zsh those of fpath.
"""
EVIDENCE = """\
Run a method's own central claim at small scale, and record what came out.
Needs a checkout of the repository, which has the folder evidence/.
"""
