import pytest
from tests.crash.world import BLEND, OUT, World, tree


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


@pytest.fixture(scope="session")
def whole(tmp_path_factory):
    """What an undisturbed run writes."""
    world = World(tmp_path_factory.mktemp("whole"))
    place = world.place()
    world.again(place, *BLEND, *OUT)
    return tree(place.out)
