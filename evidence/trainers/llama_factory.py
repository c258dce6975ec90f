"""LLaMA-Factory: its parsers, its loader and its merge."""

from types import SimpleNamespace

from evidence.stacks import off, planted, reader, scratch, token_shares

from cuvee import trainers
from cuvee.testing.evidence import Finding

CLAIM = (
    "LLaMA-Factory parses both files and merges the sources' own files to the asked shares of the "
    "tokens, to 0.05 (LLaMA-Factory)."
)


def run() -> Finding:
    hparams, at = reader("llamafactory.hparams.data_args", "llamafactory")
    parser, _ = reader("llamafactory.data.parser", "llamafactory")
    utils, _ = reader("llamafactory.data.data_utils", "llamafactory")
    library, _ = reader("datasets", "datasets")
    yaml, _ = reader("yaml", "PyYAML")
    with scratch() as folder:
        out = folder / "out"
        out.mkdir()
        trainers.load("llama_factory").write(planted(folder), out)
        content = yaml.safe_load((out / "mixture.yaml").read_text())
        seed = content.pop("seed")
        arguments = hparams.DataArguments(dataset_dir=str(out), **content)
        found = parser.get_dataset_list(arguments.dataset, arguments.dataset_dir)
        parts = [
            library.load_dataset(
                "json", data_files=one.dataset_name, split=one.split, cache_dir=str(folder / "c")
            )
            for one in found
        ]
        mixed = utils.merge_dataset(
            parts,
            SimpleNamespace(
                mix_strategy=arguments.mix_strategy,
                interleave_probs=arguments.interleave_probs,
                streaming=False,
            ),
            seed,
        )
        names = [text.split()[0] for text in mixed["text"]]
    shares = token_shares(names)
    return Finding(
        claim=CLAIM,
        measured=f"{at}: {len(found)} datasets, {len(names)} documents, shares off by at most "
        f"{off(shares):.4f}.",
        holds=off(shares) <= 0.05 and all(one.prompt == "text" for one in found),
        numbers={"shares": shares, "off": off(shares), "documents": len(names)},
    )
