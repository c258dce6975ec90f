"""Nothing that cuvee reads can run as a program: no pickle, no eval, no shell."""

import ast
from pathlib import Path

import pytest

import cuvee

ROOT = Path(cuvee.__file__).parent
ALLOWED = {
    (
        "engine/ray.py",
        "pickle",
    ): "jobs and results between cuvee's own processes, as Ray sends them",
    ("testing/export.py", "pickle"): "a check that a value can be sent to other processes",
    ("testing/measure.py", "pickle"): "the same",
    ("testing/mix.py", "pickle"): "the same",
    ("testing/predict.py", "pickle"): "the same",
    ("testing/proxies.py", "pickle"): "the same",
    ("testing/attributes.py", "pickle"): "the same",
    ("testing/clean.py", "pickle"): "the same",
    ("testing/features.py", "pickle"): "the same",
    ("testing/select.py", "pickle"): "the same",
    ("testing/sources.py", "pickle"): "the same",
    ("testing/trainers.py", "pickle"): "the same",
}
MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "shelve", "marshal", "joblib", "yaml"}
CALLS = {"eval", "exec", "compile", "__import__"}


def unsafe(tree: ast.AST) -> set[str]:
    """What in a file could run as a program what a stranger wrote."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {a.name.partition(".")[0] for a in node.names} & MODULES
        elif isinstance(node, ast.ImportFrom):
            found |= {(node.module or "").partition(".")[0]} & MODULES
        elif isinstance(node, ast.Call):
            found |= _unsafe_call(node)
    return found


def _unsafe_call(node: ast.Call) -> set[str]:
    name = ast.unparse(node.func)
    given = {k.arg: ast.unparse(k.value) for k in node.keywords}
    if isinstance(node.func, ast.Name) and name in CALLS:
        return {name}
    if name == "torch.load" and given.get("weights_only") != "True":
        return {"torch.load"}
    if name.endswith("load") and given.get("allow_pickle", "False") != "False":
        return {"allow_pickle"}
    if name in ("os.system", "os.popen") or given.get("shell", "False") != "False":
        return {"shell"}
    if given.get("trust_remote_code", "False") != "False":
        return {"trust_remote_code"}
    return set()


def test_no_source_file_runs_what_it_reads():
    found = {
        (path.relative_to(ROOT).as_posix(), what)
        for path in ROOT.rglob("*.py")
        for what in unsafe(ast.parse(path.read_text(encoding="utf-8")))
    }
    assert found == set(ALLOWED), "read JSON, or npz and weights without pickle; or say why here"


@pytest.mark.parametrize(
    ("line", "what"),
    [("import pickle", "pickle"), ("from joblib import load", "joblib"), ("eval(text)", "eval"),
     ("torch.load(path)", "torch.load"), ("torch.load(path, weights_only=False)", "torch.load"),
     ("np.load(path, allow_pickle=True)", "allow_pickle"), ("run(words, shell=True)", "shell"),
     ("os.system(words)", "shell"), ("load_dataset(p, trust_remote_code=True)",
                                     "trust_remote_code")],
)  # fmt: skip
def test_what_is_unsafe_is_found(line, what):
    assert unsafe(ast.parse(line)) == {what}


def test_what_is_safe_is_let_through():
    for line in ("np.load(file)", "np.load(file, allow_pickle=False)", "re.compile('a')",
                 "torch.load(path, weights_only=True)", "network.eval()",
                 "network.compile()"):  # fmt: skip
        assert unsafe(ast.parse(line)) == set()
