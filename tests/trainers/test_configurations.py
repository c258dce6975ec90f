"""What each configuration says, read by other means than those that wrote it."""

import csv
import json
import shlex

import numpy as np
import pytest
import yaml

from cuvee import trainers
from cuvee.core import CuveeError
from cuvee.core.run_files import rows_of
from cuvee.testing.trainers import PLANTED, Planted

STRANGE = PLANTED["strange names"]
ZERO = PLANTED["a share of zero"]
TINY = PLANTED["a tiny share"]


def put(name, planted, folder, **settings):
    return trainers.load(name, **settings).write(planted.dataset(), folder)


def read(name, planted, folder, file, **settings):
    put(name, planted, folder, **settings)
    text = (folder / file).read_text(encoding="utf-8")
    return yaml.safe_load(text) if file.endswith(".yaml") else json.loads(text)


def by_documents(planted):
    lengths = np.array(planted.lengths, float)
    found = np.array(planted.shares) / lengths
    return [w for w in (found / found.sum()).tolist() if w > 0]


def test_megatron_list_is_even_and_has_no_zero(tmp_path):
    said = put("megatron", ZERO, tmp_path, valid="held_out")
    words = (tmp_path / "blend.txt").read_text().split()
    assert words == ["0.75", "web_text_document", "0.25", "books_text_document"]
    splits = json.loads((tmp_path / "blend.json").read_text())
    assert splits == {"train": words, "valid": ["held_out"], "test": None}
    assert "--data-args-path" in said


def test_megatron_one_source_still_has_a_weight(tmp_path):
    put("megatron", PLANTED["one source"], tmp_path)
    assert (tmp_path / "blend.txt").read_text() == "1.0 web_text_document\n"


def test_megatron_paths_with_blanks_are_in_json_only(tmp_path):
    said = put("megatron", STRANGE, tmp_path)
    assert not (tmp_path / "blend.txt").exists()
    assert "--data-args-path" not in said.replace("--per-split-data-args-path", "")
    train = json.loads((tmp_path / "blend.json").read_text())["train"]
    assert train[1::2] == [f"{name}_text_document" for name in STRANGE.names]


def test_megatron_refuses_what_would_be_stripped(tmp_path):
    with pytest.raises(CuveeError, match="strips blanks"):
        put("megatron", Planted((" a", "b", "c")), tmp_path)


def test_no_weight_has_an_exponent(tmp_path):
    for name in ("megatron", "open_lm", "llama_factory", "energon", "streaming", "nanotron"):
        folder = tmp_path / name
        folder.mkdir()
        put(name, TINY, folder)
        for path in folder.iterdir():
            assert "e-" not in path.read_text().replace("code-", ""), f"{path.name}"


def test_nemo_is_the_same_list(tmp_path):
    found = read("nemo", ZERO, tmp_path, "paths.json")
    assert found == ["0.75", "web_text_document", "0.25", "books_text_document"]


def test_energon_weights_are_of_documents(tmp_path):
    found = read("energon", STRANGE, tmp_path, "metadataset.yaml")
    blend = found["splits"]["train"]["blend"]
    assert found["__class__"] == "MetadatasetV2"
    assert [one["path"] for one in blend] == [f"./{name}" for name in STRANGE.names]
    assert [one["weight"] for one in blend] == pytest.approx(by_documents(STRANGE))


@pytest.mark.parametrize("name", ["energon", "streaming"])
def test_packed_samples_are_weighted_by_tokens(name, tmp_path):
    put(name, Planted(), tmp_path, unit="tokens")
    text = next(tmp_path.glob("*.yaml")).read_text()
    assert all(share in text for share in ("0.5", "0.3", "0.2"))
    assert "epoch_size" not in text


def test_streaming_proportions(tmp_path):
    found = read("streaming", ZERO, tmp_path, "streams.yaml", remote="s3://b/{name}")
    assert list(found["streams"]) == ["web", "books"]
    assert found["streams"]["books"]["remote"] == "s3://b/books"
    proportions = [one["proportion"] for one in found["streams"].values()]
    assert proportions == pytest.approx(by_documents(ZERO))
    assert found["epoch_size"] == sum(ZERO.drawn)


def test_streaming_keys_are_the_names(tmp_path):
    found = read("streaming", STRANGE, tmp_path, "streams.yaml")
    assert tuple(found["streams"]) == STRANGE.names


def test_interleave_builders(tmp_path):
    paths = (("a.jsonl.zst", "b.json"), ("code/",), ("x/*.TSV",))
    found = read("datasets_interleave", Planted(paths=paths), tmp_path, "interleave.json")
    assert found["load_dataset"] == [
        {"path": "json", "data_files": ["a.jsonl.zst", "b.json"]},
        {"path": "code"},
        {"path": "csv", "data_files": ["x/*.TSV"], "sep": "\t"},
    ]
    assert found["interleave_datasets"]["probabilities"] == pytest.approx(by_documents(Planted()))


def test_interleave_refuses_mixed_kinds(tmp_path):
    paths = (("a.jsonl", "b.parquet"), ("c",), ("d",))
    with pytest.raises(CuveeError, match="one of the kinds"):
        put("datasets_interleave", Planted(paths=paths), tmp_path)


@pytest.mark.parametrize("name", ["datasets_interleave", "llama_factory"])
def test_lines_of_texts_are_no_documents(name, tmp_path):
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "a.txt").write_text("one\ntwo\n")
    (tmp_path / "texts" / "b.md").write_text("# three\n")
    (tmp_path / "rows").mkdir()
    (tmp_path / "rows" / "a.jsonl").write_text('{"text": "a"}\n' * 9)
    (tmp_path / "rows" / "README.md").write_text("about\n")
    out = tmp_path / "out"
    out.mkdir()
    for bad in ("texts", "texts/a.txt", "texts/*.txt", "texts/*", "texts/b.md"):
        paths = ((f"{tmp_path}/{bad}",), ("b.jsonl",), ("c.jsonl",))
        with pytest.raises(CuveeError, match=r"a line of text as a document.*--to datasets"):
            put(name, Planted(paths=paths), out)
    with pytest.raises(CuveeError):
        put(name, Planted(paths=(("gone.txt",), ("b.jsonl",), ("c.jsonl",))), out)
    assert not list(out.iterdir())
    put(name, Planted(paths=((f"{tmp_path}/rows",), ("b.jsonl",), ("c.jsonl",))), out)


def test_llama_factory_names_survive_its_parser(tmp_path):
    put("llama_factory", STRANGE, tmp_path)
    content = yaml.safe_load((tmp_path / "mixture.yaml").read_text(encoding="utf-8"))
    info = json.loads((tmp_path / "dataset_info.json").read_text())
    names = [name.strip() for name in content["dataset"].split(",")]
    shares = [float(number) for number in content["interleave_probs"].split(",")]
    assert names == list(info)
    assert len(names) == len(shares) == len(STRANGE.names)
    assert shares == pytest.approx(by_documents(STRANGE))


def test_llama_factory_names_stay_apart(tmp_path):
    put("llama_factory", Planted(("a b", "a_b", "a  b")), tmp_path)
    info = json.loads((tmp_path / "dataset_info.json").read_text())
    assert len(info) == 3
    assert info["a_b"]["file_name"].endswith("/a_b.jsonl")


def test_llama_factory_reads_files_and_whole_folders(tmp_path):
    web = tmp_path / "web"
    web.mkdir()
    for name in ("a.parquet", "b.parquet"):
        (web / name).write_bytes(b"")
    out = tmp_path / "out"
    out.mkdir()
    paths = ((f"{web}/*.parquet",), ("s3://b/c.jsonl",), ("books.jsonl",))
    put("llama_factory", Planted(paths=paths), out)
    info = json.loads((out / "dataset_info.json").read_text())
    assert info["web"]["file_name"] == str(web)
    assert info["code"]["cloud_file_name"] == "s3://b/c.jsonl"
    assert info["books"]["file_name"].startswith("/")
    (web / "notes.txt").write_text("")
    with pytest.raises(CuveeError, match="whole folder"):
        put("llama_factory", Planted(paths=paths), out)
    for bad in ("books.jsonl.zst", "s3://b/c.parquet"):
        with pytest.raises(CuveeError, match="LLaMA-Factory reads"):
            put("llama_factory", Planted(paths=((bad,), ("c.csv",), ("d.csv",))), out)


def test_olmo_core_ratios_and_repeats(tmp_path):
    planted = PLANTED["many epochs"]
    found = read("olmo_core", planted, tmp_path, "mixture.yaml", slack=1.5)["sources"]
    assert sum(one["target_ratio"] for one in found) == pytest.approx(1, abs=1e-12)
    assert [one["max_repetition_ratio"] for one in found] == [1.0, 1.0, 15.0]
    assert found[2]["paths"] == ["books/*.npy"]


def test_levanter_names_files(tmp_path):
    found = read("levanter", ZERO, tmp_path, "data.yaml")["data"]
    assert found["train_weights"] == {"web": 0.75, "books": 0.25}
    assert found["configs"]["books"] == {"train_urls": ["books.jsonl"]}


def test_nanotron_lists_are_of_one_length(tmp_path):
    found = read("nanotron", STRANGE, tmp_path, "data_stages.yaml")["data_stages"][0]
    dataset = found["data"]["dataset"]
    assert dataset["dataset_folder"] == list(STRANGE.names)
    assert dataset["dataset_weights"] == pytest.approx(STRANGE.shares)
    assert found["start_training_step"] == 1


def test_open_lm_survives_a_shell(tmp_path):
    put("open_lm", STRANGE, tmp_path)
    words = shlex.split((tmp_path / "arguments.txt").read_text(encoding="utf-8"))
    middle = words.index("--train-data-mix-weights")
    assert words[1:middle] == [f"{name}/manifest.jsonl" for name in STRANGE.names]
    assert [float(word) for word in words[middle + 1 :]] == pytest.approx(STRANGE.shares)


def test_litgpt_module_is_python(tmp_path):
    found = read("litgpt", STRANGE, tmp_path, "mixture.json")
    assert found["paths"] == list(STRANGE.names)
    compile((tmp_path / "mixture.py").read_text(), "mixture.py", "exec")


def test_olmix_keeps_sources_without_a_share(tmp_path):
    put("olmix", ZERO, tmp_path)
    row = rows_of(str(tmp_path / "ratios.csv"))[0]
    assert [float(row[name]) for name in ZERO.names] == list(ZERO.shares)
    with (tmp_path / "ratios.csv").open(encoding="utf-8") as file:
        assert next(csv.reader(file)) == ["run", "name", "index", *ZERO.names]
    priors = yaml.safe_load((tmp_path / "priors.yaml").read_text())["priors"]
    assert sum(priors["relative_sizes"].values()) == pytest.approx(1)
    with pytest.raises(CuveeError, match="column 'run'"):
        put("olmix", Planted(("run", "b", "c")), tmp_path)


@pytest.mark.parametrize(
    "wrong",
    ["megatron:path=x", "nemo:path={nam}", "streaming:remote={name", "energon:unit=words",
     "olmo_core:slack=0.5", "datasets_interleave:stopping=never", "llama_factory:strategy=concat",
     "mds:size=10", "datasets:size=5e9", "litdata:size=1", "tokens:form=txt", "tokens:size=0",
     "megatron_indexed:name=a/b"],
)  # fmt: skip
def test_wrong_settings_are_refused(wrong):
    with pytest.raises(CuveeError) as caught:
        trainers.load(wrong)
    assert "\n" not in str(caught.value)
