import pytest
from tests.cli.world import build


@pytest.fixture(scope="session")
def _made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("world")
    build(folder)
    return folder


@pytest.fixture
def world(_made, tmp_path, monkeypatch):
    """A folder of its own with the usual files, and the place where commands run."""
    import shutil

    folder = tmp_path / "world"
    shutil.copytree(_made, folder)
    monkeypatch.chdir(folder)
    return folder
