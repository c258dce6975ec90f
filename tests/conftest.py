import pytest


@pytest.fixture(autouse=True, scope="session")
def cached(tmp_path_factory):
    """No test may write to the cache of whoever runs it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CUVEE_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield
