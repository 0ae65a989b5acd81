"""Health, the browser's page, start-up checks, bells."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import redis
from django.core.cache import cache
from django.db import DatabaseError
from django.urls import path
from kombu.exceptions import OperationalError
from rest_framework.views import APIView

from config import bells, checks, health
from labeling import tasks
from labeling.models import Slide
from labeling.services import slide_register
from tests.factories import digest

ROOT = Path(__file__).resolve().parents[2]


def test_the_process_says_it_is_alive_without_asking_anybody(client):
    answer = client.get("/api/health/live")
    assert (answer.status_code, answer.json()) == (200, {"status": "alive"})


@pytest.mark.django_db
def test_ready_only_when_every_part_is_there(client):
    answer = client.get("/api/health/ready")
    assert answer.status_code == 503
    found = answer.json()["checks"]
    assert (found["database"], found["broker"], found["media"], found["beat"]) == (True, True, True, False)
    for name in (*health.QUEUES, "beat"):
        health.record_sign_of_life(name)
    answer = client.get("/api/health/ready")
    assert (answer.status_code, answer.json()["status"]) == (200, "ready")


@pytest.mark.django_db
def test_a_part_that_does_not_answer_is_named(client, monkeypatch, settings):
    def down(*_, **__):
        raise redis.ConnectionError

    monkeypatch.setattr(cache, "set", down)
    settings.MEDIA_ROOT = "/nowhere"
    found = client.get("/api/health/ready").json()["checks"]
    assert (found["database"], found["broker"], found["media"]) == (True, False, False)
    health.record_sign_of_life("beat")


def test_a_database_that_is_down_is_named(monkeypatch):
    def down():
        raise DatabaseError

    assert health._answers(down) is False


@pytest.mark.django_db
def test_the_reconciler_shows_that_beat_is_alive(client, own_media):
    tasks.reconcile()
    assert client.get("/api/health/ready").json()["checks"]["beat"] is True


@pytest.fixture
def built(settings, tmp_path):
    settings.FRONTEND_DIST = str(tmp_path)
    (tmp_path / "index.html").write_text('<meta nonce="__CSP_NONCE__">')
    return tmp_path


@pytest.mark.django_db
@pytest.mark.parametrize("address", ["/", "/studies/1", "/studies/1/slides/2/label", "/sign-in"])
def test_every_page_is_the_one_page_with_a_fresh_nonce(address, built, client):
    nonces = set()
    for _ in range(2):
        answer = client.get(address)
        policy = answer["Content-Security-Policy"]
        nonce = answer.content.decode().split('"')[1]
        assert f"'nonce-{nonce}'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert answer["Cache-Control"] == "no-store"
        assert "csrftoken" in answer.cookies
        nonces.add(nonce)
    assert len(nonces) == 2
    assert client.post(address).status_code in (403, 405)


@pytest.mark.django_db
def test_a_page_that_is_not_built_says_how(client, settings, tmp_path):
    settings.FRONTEND_DIST = str(tmp_path)
    answer = client.get("/")
    assert answer.status_code == 503
    assert b"./run up" in answer.content


@pytest.mark.django_db
def test_answers_carry_the_usual_safety_headers(client):
    answer = client.get("/api/health/live")
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["X-Frame-Options"] == "DENY"
    assert answer["Referrer-Policy"] == "same-origin"


class NoRule(APIView):
    def get(self, request):
        """Answer."""

    def post(self, request):
        """Answer."""


class HalfRule(NoRule):
    access = {"GET": "public"}


def test_a_route_without_a_rule_stops_the_server(monkeypatch):
    assert checks.every_route_has_a_rule() == []
    routes = [path("api/a", NoRule.as_view()), path("api/b", HalfRule.as_view())]
    monkeypatch.setattr(checks, "get_resolver", lambda: SimpleNamespace(url_patterns=routes))
    found = checks.every_route_has_a_rule()
    assert [error.msg.split(" has")[0] for error in found] == ["GET api/a", "POST api/a", "POST api/b"]
    assert {error.id for error in found} == {"tilscope.E001"}


def test_every_route_below_api_is_checked():
    routes = {route for route, _ in checks.api_views()}
    assert {"api/studies", "api/uploads/<uuid:upload_id>", "api/models/<int:model_id>"} <= routes
    assert len(routes) >= 30


@pytest.mark.django_db
def test_a_broker_that_is_down_loses_no_upload(people, own_media, monkeypatch, django_capture_on_commit_callbacks):
    def down(*_, **__):
        raise OperationalError

    monkeypatch.setattr(tasks.ingest_slide, "apply_async", down)
    with django_capture_on_commit_callbacks(execute=True) as rung:
        slide, made = slide_register(study=people.study, user=people.lab, sha256=digest("x"), size_bytes=1)
    assert made
    assert len(rung) == 1
    assert Slide.objects.filter(pk=slide.pk).exists()


@pytest.mark.django_db
def test_a_bell_rings_after_the_commit_only(django_capture_on_commit_callbacks, monkeypatch):
    sent = []
    monkeypatch.setattr(tasks.ingest_slide, "apply_async", lambda args, **_: sent.append(args))
    with django_capture_on_commit_callbacks(execute=True):
        bells.ring(tasks.ingest_slide, 5)
        assert sent == []
    assert sent == [(5,)]


def test_the_web_process_never_loads_torch():
    code = (
        "import sys, django; django.setup(); from django.urls import get_resolver; get_resolver().url_patterns; "
        "import config.wsgi, labeling.tasks, detection.tasks; "
        "sys.exit(any(name.split('.')[0] in ('torch', 'torchvision') for name in sys.modules))"
    )
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "config.settings"}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, timeout=120)
    assert done.returncode == 0, done.stderr.decode()


def manage(*arguments, **environment):
    """Run a management command in a process of its own."""
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_the_server_does_not_start_without_a_secret():
    done = manage("check", TILSCOPE_SECRET_KEY="")
    assert done.returncode != 0
    assert "TILSCOPE_SECRET_KEY" in done.stderr


def test_the_published_api_description_is_current(tmp_path):
    target = tmp_path / "openapi.yaml"
    done = manage("spectacular", "--validate", "--fail-on-warn", "--file", str(target))
    assert done.returncode == 0, done.stderr
    assert target.read_text() == (ROOT / "docs" / "openapi.yaml").read_text(), "run manage.py spectacular again"


def test_no_model_change_lacks_its_migration():
    done = manage("makemigrations", "--check", "--dry-run")
    assert done.returncode == 0, done.stdout


def test_deployment_settings_are_clean():
    done = manage("check", "--deploy", "--fail-level", "WARNING", TILSCOPE_HTTPS="1")
    assert done.returncode == 0, done.stderr
