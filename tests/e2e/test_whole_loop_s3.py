"""The main job once more, with every file in a bucket."""

from collections.abc import Iterator

import pytest

from labeling import media
from tests.e2e.conftest import Product, running_product
from tests.e2e.test_whole_loop import *  # noqa: F403
from tests.e2e.test_whole_loop import Loop, loop  # noqa: F401
from tests.s3 import S3Server

pytestmark = [pytest.mark.e2e, pytest.mark.real_data, pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    server = S3Server(tmp_path_factory.mktemp("s3"))
    server.start()
    yield server
    server.kill()


@pytest.fixture(scope="module")
def product(s3: S3Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    with running_product(tmp_path_factory.mktemp("product"), **s3.environment) as product:
        yield product


def test_rows_and_bucket_agree_and_the_local_folder_has_only_copies(loop: Loop, s3: S3Server) -> None:  # noqa: F811
    assert "no difference" in loop.product.manage("verify", "--hashes")
    with loop.product.database() as cursor:
        cursor.execute("SELECT sha256 FROM labeling_slide UNION SELECT sha256 FROM detection_modelversion")
        named = {media.key_of(sha256) for (sha256,) in cursor.fetchall()}
    assert len(named) == 3
    assert named <= set(s3.objects())
    assert not list((loop.product.home / "media").glob("[0-9a-f][0-9a-f]/*"))
