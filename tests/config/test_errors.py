"""Every refusal has one shape; hostile bodies are refusals too."""

import json
import logging

import pytest
from django.test import override_settings
from rest_framework import serializers

from config import errors, handlers
from labeling.apis import system

pytestmark = pytest.mark.django_db
SHAPE = {"code", "message", "extra"}


def shaped(answer) -> str:
    body = answer.json()
    assert set(body) == SHAPE
    assert isinstance(body["message"], str)
    assert len(body["message"]) > 5
    assert isinstance(body["extra"], dict)
    return str(body["code"])


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("", "invalid"),
        ("{", "parse_error"),
        ("null", "invalid"),
        ("[1]", "invalid"),
        ('"text"', "invalid"),
        ("[" * 100_000, "parse_error"),
        ('{"a":' * 100_000, "parse_error"),
        ('{"name": "a\\u0000b"}', "invalid"),
        ('{"name": "\\ud800"}', "invalid"),
        ('{"name": 1e400, "model_mpp": 1e400}', "invalid"),
        ('{"name": "a", "name": ["b"]}', "invalid"),
        ('{"name": {"$gt": ""}}', "invalid"),
        (b"\xff\xfe\x00", "parse_error"),
    ],
)
def test_hostile_bodies_are_refused_in_the_one_shape(body, code, people):
    answer = people.client("site_admin").generic("POST", "/api/studies", body, content_type="application/json")
    assert (answer.status_code, shaped(answer)) == (400, code)


def test_a_body_that_is_no_json_is_refused(people):
    for kind in ("text/xml", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
        answer = people.client("site_admin").generic("POST", "/api/studies", "name=x", content_type=kind)
        assert (answer.status_code, shaped(answer)) == (415, "unsupported_media_type")


def test_a_huge_body_is_refused_unread(people):
    with override_settings(DATA_UPLOAD_MAX_MEMORY_SIZE=100):
        body = json.dumps({"name": "x" * 200})
        answer = people.client("site_admin").post("/api/studies", body, content_type="application/json")
    assert (answer.status_code, shaped(answer)) == (413, "body_too_large")


def test_no_such_address_and_no_such_method(people):
    client = people.client("admin")
    for path in ("/api/", "/api/nothing", "/api/studies/1/nothing", "/api/studies/", "/api//studies"):
        answer = client.get(path)
        assert (answer.status_code, shaped(answer)) == (404, "not_found"), path
    answer = client.put(f"/api/studies/{people.study.pk}")
    assert (answer.status_code, shaped(answer)) == (405, "method_not_allowed")


def test_a_refusal_of_any_layer_keeps_its_code_and_extra(people, monkeypatch):
    def refuse():
        raise errors.ConflictError("The device is busy.", code="device_busy", extra={"device": "cuda:0"})

    monkeypatch.setattr(system, "_device", refuse)
    answer = people.client("lab").get("/api/system")
    assert answer.status_code == 409
    assert answer.json() == {"code": "device_busy", "message": "The device is busy.", "extra": {"device": "cuda:0"}}


def test_a_bug_is_a_500_and_is_logged(people, monkeypatch, caplog):
    def broken():
        raise ZeroDivisionError

    monkeypatch.setattr(system, "_device", broken)
    client = people.client("lab")
    client.raise_request_exception = False
    with caplog.at_level(logging.ERROR):
        assert client.get("/api/system").status_code == 500
    assert "ZeroDivisionError" in caplog.text


def test_the_first_sentence_of_nested_errors_is_found():
    detail = {"classes": [{"name": [serializers.ErrorDetail("Too long.", code="x")]}]}
    assert handlers._first_sentence(detail) == "classes: name: Too long."
    assert handlers._first_sentence({"non_field_errors": ["No."]}) == "No."


def test_the_errors_have_codes_of_their_own():
    assert (errors.NotFoundError("x").code, errors.NotFoundError.status) == ("not_found", 404)
    assert errors.DomainError("x", code="other", extra={"a": 1}).extra == {"a": 1}
    assert errors.DomainError.code == "invalid"


def test_the_system_names_its_version(people):
    answer = people.client("lab").get("/api/system").json()
    assert set(answer) == {"version", "device", "commit"}
    assert answer["device"] == "cpu"
