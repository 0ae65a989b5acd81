"""Which bucket the media store uses: all of it is said, or nothing."""

import pytest
from django.core.exceptions import ImproperlyConfigured

from config import health
from config.bucket import storages_from

WHOLE = {
    "TILSCOPE_MEDIA_S3_BUCKET": "slides",
    "TILSCOPE_MEDIA_S3_ENDPOINT": "https://s3.example.org",
    "TILSCOPE_MEDIA_S3_KEY": "key",
    "TILSCOPE_MEDIA_S3_SECRET": "secret",
}


@pytest.mark.parametrize("environment", [{}, dict.fromkeys(WHOLE, "")])
def test_without_a_bucket_files_lie_in_the_folder(environment):
    assert storages_from(environment) == {}


def test_a_bucket_is_reached_where_the_environment_says():
    options = storages_from({**WHOLE, "TILSCOPE_MEDIA_S3_REGION": "eu-central-1"})["media"]["OPTIONS"]
    assert (options["bucket_name"], options["endpoint_url"]) == ("slides", "https://s3.example.org")
    assert (options["access_key"], options["secret_key"], options["region_name"]) == ("key", "secret", "eu-central-1")


@pytest.mark.parametrize("name", WHOLE)
def test_half_a_bucket_is_refused_and_says_what_is_missing(name):
    with pytest.raises(ImproperlyConfigured, match=f"half configured: {name} missing"):
        storages_from({**WHOLE, name: ""})
    with pytest.raises(ImproperlyConfigured, match="half configured"):
        storages_from({name: WHOLE[name]})


@pytest.mark.parametrize("address", ["s3.example.org", "ftp://s3.example.org", "https://"])
def test_an_address_that_is_none_is_refused(address):
    with pytest.raises(ImproperlyConfigured, match="whole address"):
        storages_from({**WHOLE, "TILSCOPE_MEDIA_S3_ENDPOINT": address})


@pytest.mark.django_db
def test_a_bucket_that_does_not_answer_is_named(client, s3):
    assert health.readiness()["checks"]["bucket"] is True
    s3.kill()
    answer = client.get("/api/health/ready")
    assert (answer.status_code, answer.json()["checks"]["bucket"]) == (503, False)
    s3.start()
    assert health.readiness()["checks"]["bucket"] is True
