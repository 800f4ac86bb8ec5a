import gc

import pytest

from tests.support import saved_models, servers


@pytest.fixture(scope="session", autouse=True)
def frozen():
    """As `serve` does: else each version that goes costs a look through all that the tests have made so far."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def painter(tmp_path_factory):
    """A SavedModel of `Painter(shift=0)`; a test that changes it copies it first."""
    return saved_models.painter(tmp_path_factory.mktemp("painter") / "saved")


@pytest.fixture(scope="session")
def base(painter):
    """A folder that serves it as version 1 of `painter`."""
    base = painter.parent / "base"
    (base / "painter").mkdir(parents=True)
    (base / "painter" / "1").symlink_to(painter)
    return base


@pytest.fixture(scope="session")
def url(base):
    with servers.running(base, labels={"painter": {"stable": 1}}) as url:
        yield url
