"""Uploads by the tus protocol 1.0 (creation, termination): resumable at any byte."""

import base64
import binascii
import re
from typing import Any
from uuid import UUID

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from config.errors import ConflictError, DomainError
from labeling import selectors
from labeling.apis.base import AnyAccept, ListApi
from labeling.choices import Role
from labeling.models import Study, Upload
from labeling.permissions import SIGNED_IN, Api, check_member, member, person
from labeling.serializers import UploadSerializer
from labeling.services import Progress, upload_append, upload_create, upload_remove, upload_state

SENDERS = member(Role.LAB, Role.ADMIN)
OFFSET_TYPE = "application/offset+octet-stream"
_SHA256 = re.compile(r"[0-9a-f]{64}")


class TusError(DomainError):
    """The request does not follow the protocol."""

    code = "tus_invalid"


class WrongVersionError(TusError):
    """Another version of the protocol."""

    code = "tus_version"
    status = 412


class WrongTypeError(TusError):
    """The body is not declared as the protocol wants it."""

    code = "tus_content_type"
    status = 415


def _header(name: str, *, required: bool = True) -> OpenApiParameter:
    return OpenApiParameter(name, OpenApiTypes.STR, OpenApiParameter.HEADER, required=required)


def _check_version(request: Request) -> None:
    if request.headers.get("Tus-Resumable") != "1.0.0":
        raise WrongVersionError("Send the header Tus-Resumable: 1.0.0.")


def _number(request: Request, name: str) -> int:
    text = request.headers.get(name, "")
    if not re.fullmatch(r"[0-9]{1,18}", text):
        raise TusError(f"The header {name} must be a whole number.")
    return int(text)


def _metadata(request: Request) -> dict[str, str]:
    """Read ``key base64,key base64``."""
    found: dict[str, str] = {}
    for pair in request.headers.get("Upload-Metadata", "").split(","):
        key, _, value = pair.strip().partition(" ")
        if not key:
            continue
        try:
            found[key] = base64.b64decode(value, validate=True).decode("utf-8")
        except (binascii.Error, UnicodeDecodeError):
            raise TusError(f"The metadata {key[:40]!r} is not base64 of UTF-8 text.", code="tus_metadata") from None
    return found


def _where(row: Upload | Progress) -> dict[str, str]:
    """Say how far an upload is, and which slide it became."""
    slide = {} if row.slide_id is None else {"X-Slide-Id": str(row.slide_id)}
    return {"Upload-Offset": str(row.offset_bytes), **slide}


class TusApi(Api):
    """Every answer names the protocol's version; every request must."""

    content_negotiation_class = AnyAccept

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        """Name the version."""
        response = super().finalize_response(request, response, *args, **kwargs)
        response["Tus-Resumable"] = response["Tus-Version"] = "1.0.0"
        response["Cache-Control"] = "no-store"
        return response


def _digest(metadata: dict[str, str]) -> str:
    digest = metadata.get("sha256", "").lower()
    if digest and not _SHA256.fullmatch(digest):
        raise TusError("The metadata sha256 must be 64 hex digits.", code="tus_metadata")
    return digest


def _check_person(request: Request, metadata: dict[str, str]) -> None:
    """Refuse a page that still believes somebody else is signed in: another tab may have changed that."""
    if metadata.get("person", str(person(request).pk)) != str(person(request).pk):
        raise ConflictError(
            "Somebody else is signed in by now. Nothing was sent under their name; it goes on when you sign in again.",
            code="upload_other_person",
        )


class UploadsApi(TusApi, ListApi):
    access = {"GET": SENDERS, "POST": SENDERS}
    locate = selectors.study_located
    found: Study
    serializer_class = UploadSerializer
    queryset = Upload.objects.none()

    @extend_schema(operation_id="upload_list")
    def get(self, request: Request, study_id: int) -> Response:
        return self.page_of(selectors.unfinished_uploads(person(request), self.found))

    @extend_schema(
        operation_id="upload_create",
        request=None,
        responses={201: None},
        parameters=[_header("Tus-Resumable"), _header("Upload-Length"), _header("Upload-Metadata", required=False)],
    )
    def post(self, request: Request, study_id: int) -> Response:
        _check_version(request)
        size = _number(request, "Upload-Length")
        if size == 0:
            raise TusError("The file is empty.", code="upload_empty")
        metadata = _metadata(request)
        _check_person(request, metadata)
        upload = upload_create(
            user=person(request),
            study=self.found,
            file_name=metadata.get("filename", ""),
            size_bytes=size,
            sha256=_digest(metadata),
        )
        return Response(status=201, headers={"Location": f"/api/uploads/{upload.pk}", **_where(upload)})


class UploadApi(TusApi):
    access = {"HEAD": SIGNED_IN, "PATCH": SIGNED_IN, "DELETE": SIGNED_IN}

    def _mine(self, request: Request, upload_id: UUID) -> Upload:
        upload = selectors.upload_of(person(request), upload_id)
        check_member(person(request), upload.study_id, SENDERS)
        _check_version(request)
        return upload

    @extend_schema(operation_id="upload_state", responses={200: None}, parameters=[_header("Tus-Resumable")])
    def head(self, request: Request, upload_id: UUID) -> Response:
        upload = self._mine(request, upload_id)
        return Response(headers={"Upload-Length": str(upload.size_bytes), **_where(upload_state(upload=upload))})

    @extend_schema(
        operation_id="upload_append",
        request={OFFSET_TYPE: OpenApiTypes.BINARY},
        responses={204: None},
        parameters=[_header("Tus-Resumable"), _header("Upload-Offset")],
    )
    def patch(self, request: Request, upload_id: UUID) -> Response:
        upload = self._mine(request, upload_id)
        if request.headers.get("Content-Type") != OFFSET_TYPE:
            raise WrongTypeError(f"Send the bytes as {OFFSET_TYPE}.")
        progress = upload_append(upload=upload, offset=_number(request, "Upload-Offset"), stream=request._request)
        return Response(status=204, headers=_where(progress))

    @extend_schema(operation_id="upload_remove", responses={204: None}, parameters=[_header("Tus-Resumable")])
    def delete(self, request: Request, upload_id: UUID) -> Response:
        upload_remove(upload=self._mine(request, upload_id))
        return Response(status=204)
