"""The S3-compatible bucket of the media store, through django-storages; without one, boto3 is never loaded.

Every refusal of the bucket is said in words: whoever meets it tries again later, and the log says why.
"""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.files import File
from django.core.files.storage import storages

from config.errors import UnavailableError

logger = logging.getLogger(__name__)

ALIAS = "media"
_NAMES = {
    "bucket_name": "TILSCOPE_MEDIA_S3_BUCKET",
    "endpoint_url": "TILSCOPE_MEDIA_S3_ENDPOINT",
    "access_key": "TILSCOPE_MEDIA_S3_KEY",
    "secret_key": "TILSCOPE_MEDIA_S3_SECRET",
}
_REGION = "TILSCOPE_MEDIA_S3_REGION"
_PART_BYTES = 16 * 1024**2


class BucketUnreachableError(UnavailableError):
    """The bucket does not answer, or does not let us in."""

    code = "media_unreachable"


def storages_from(environment: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Read from the environment which bucket the media store uses.

    Args:
        environment: of the process; an empty value is as good as none.

    Returns:
        An entry for ``STORAGES``; none where files lie in the local folder.

    Raises:
        ImproperlyConfigured: some of what a bucket needs is missing.
    """
    options = {option: environment.get(name, "") for option, name in _NAMES.items()}
    region = environment.get(_REGION, "")
    if not any(options.values()) and not region:
        return {}
    missing = [name for option, name in _NAMES.items() if not options[option]]
    if missing:
        raise ImproperlyConfigured(
            f"The bucket of the media store is half configured: {', '.join(missing)} missing. "
            f"Set {', '.join(_NAMES.values())}, or none of them to keep files in a local folder."
        )
    address = urlsplit(options["endpoint_url"])
    if address.scheme not in ("http", "https") or not address.hostname:
        raise ImproperlyConfigured(
            f"TILSCOPE_MEDIA_S3_ENDPOINT is {options['endpoint_url']!r}. Write the whole address, such as https://s3.example.org."
        )
    return {ALIAS: {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": _options(options, region)}}


def _options(options: dict[str, str], region: str) -> dict[str, Any]:
    from boto3.s3.transfer import TransferConfig
    from botocore.config import Config

    return {
        **options,
        "region_name": region or "us-east-1",
        "default_acl": None,
        # A name is the hash of its content: whoever writes it again writes the same.
        "file_overwrite": True,
        "client_config": Config(
            signature_version="s3v4",
            # Each part is signed together with its SHA-256: a part that arrives damaged is refused, with http too. The
            # newer trailing checksums would say the same once more, and many S3-compatible servers do not know them.
            s3={"addressing_style": "path", "payload_signing_enabled": True},
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            connect_timeout=3,
            read_timeout=30,
            retries={"mode": "standard", "total_max_attempts": 3},
        ),
        "transfer_config": TransferConfig(
            multipart_threshold=_PART_BYTES, multipart_chunksize=_PART_BYTES, max_concurrency=4
        ),
    }


def in_use() -> bool:
    """Tell whether the media store has a bucket."""
    return ALIAS in settings.STORAGES


def check() -> None:
    """Ask the bucket for a sign of life.

    Raises:
        BucketUnreachableError: it gives none.
    """
    with _in_words():
        _storage().connection.meta.client.head_bucket(Bucket=_storage().bucket_name)


def size_of(key: str) -> int | None:
    """Tell an object's size; None where there is none.

    Raises:
        BucketUnreachableError: the bucket does not answer.
    """
    with _in_words():
        try:
            return int(_storage().size(key))
        except FileNotFoundError:
            # A bucket that is gone answers like an object that is gone.
            check()
            return None


def put(path: Path, key: str) -> None:
    """Write a file into the bucket, whole or not at all.

    Raises:
        BucketUnreachableError: the bucket does not answer.
    """
    with _in_words(), path.open("rb") as file:
        _storage().save(key, File(file))


def fetch(key: str, target: Path) -> None:
    """Read an object into a file.

    Raises:
        BucketUnreachableError: the bucket does not answer, or the object has just been removed.
    """
    with _in_words(), target.open("wb") as file:
        _storage().bucket.Object(key).download_fileobj(file, Config=_storage().transfer_config)


def remove(key: str) -> None:
    """Remove an object, if it is there.

    Raises:
        BucketUnreachableError: the bucket does not answer.
    """
    with _in_words():
        _storage().delete(key)


def listing(prefix: str = "") -> Iterator[tuple[str, int]]:
    """List (key, size in bytes) of all objects whose key begins so, ordered by key.

    Raises:
        BucketUnreachableError: the bucket does not answer.
    """
    with _in_words():
        for found in _storage().bucket.objects.filter(Prefix=prefix):
            yield found.key, found.size


def _storage() -> Any:
    return storages[ALIAS]


@contextmanager
def _in_words() -> Iterator[None]:
    from boto3.exceptions import Boto3Error
    from botocore.exceptions import BotoCoreError, ClientError
    from s3transfer.exceptions import RetriesExceededError

    try:
        yield
    except (Boto3Error, BotoCoreError, ClientError, RetriesExceededError) as error:
        logger.warning("the bucket of the media store: %s", error)
        raise BucketUnreachableError(
            "The store of the image files does not answer. Try again in a minute; if that goes on, ask an admin."
        ) from error
