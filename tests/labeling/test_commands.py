"""The commands for slides, points, people and verification."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from labeling import media
from labeling.choices import SlideState, Source
from labeling.models import AccessRecord, Label, Patch, Slide, User
from labeling.selectors import standing_labels
from labeling.slides.reader import SlideReader
from tests.factories import PatchFactory, SlideFactory, digest
from tests.labeling.conftest import drawn_pixels, write_png
from tests.labeling.slides.files import write_svs

pytestmark = pytest.mark.django_db


def run(capsys, *arguments: object) -> Any:
    capsys.readouterr()
    call_command(*[str(a) for a in arguments], "--json")
    return json.loads(capsys.readouterr().out)


def test_slides_come_in_by_folder_and_get_codes(people, tmp_path, capsys):
    folder = tmp_path / "in"
    folder.mkdir()
    write_png(folder / "a.png", drawn_pixels(80, 80, 1))
    write_png(folder / "b.png", drawn_pixels(80, 80, 2))
    found = run(capsys, "import_slides", folder, "--study", people.study.name, "--wait")
    assert [(o["code"], o["state"], o["message"]) for o in found] == [("S001", "ready", ""), ("S002", "ready", "")]
    again = run(capsys, "import_slides", folder / "b.png", "--study", people.study.name)
    assert [(o["code"], o["message"]) for o in again] == [("S002", "this file was here already")]
    assert (folder / "a.png").exists()
    assert Slide.objects.count() == 2


def test_slides_are_refused_in_words_and_the_exit_code_tells(people, tmp_path, capsys):
    (tmp_path / "report.pdf").write_bytes(b"%PDF-1.7")
    with pytest.raises(CommandError, match="2 of 2 files were refused"):
        call_command("import_slides", str(tmp_path / "report.pdf"), str(tmp_path / "no"), "--study", people.study.name)
    out = capsys.readouterr().out
    assert "PDF document" in out
    assert "no such file" in out
    assert list(media.stored()) == []


CSV = "x_l0,y_l0,label\n100,80,positive\n150.9,80.2,Negative\n"
JSON = json.dumps([{"x": 100, "y": 80, "label_id": 1}, {"x": 150, "y": 80, "label_id": 2}])
SQUARE = [[140, 70], [160, 70], [160, 90], [140, 90], [140, 70]]
GEOJSON = json.dumps(
    {
        "type": "FeatureCollection",
        "features": [
            {
                "type": "Feature",
                "geometry": {"type": "Point", "coordinates": [100.5, 80.5]},
                "properties": {"classification": {"name": "Positive"}},
            },
            {
                "type": "Feature",
                "geometry": {"type": "Polygon", "coordinates": [SQUARE]},
                "properties": {"classification": {"name": "Negative"}},
            },
        ],
    }
)


def test_the_thumbnail_of_a_slide_of_many_files_is_not_taken_for_the_slide(people, tmp_path, capsys):
    write_png(tmp_path / "slide.mrxs", drawn_pixels(90, 80))
    with pytest.raises(CommandError, match="1 of 1 files were refused"):
        call_command("import_slides", str(tmp_path / "slide.mrxs"), "--study", people.study.name)
    assert "A MIRAX slide consists of several files" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "told"),
    [(CSV, []), (JSON, ["--map", "1=Positive", "2=Negative"]), (GEOJSON, [])],
    ids=["csv", "json", "geojson"],
)
def test_points_become_patches_with_the_slides_pixels(text, told, people, field, tmp_path, capsys):
    path = tmp_path / "points"
    path.write_text(text)
    where = ["--slide", field.slide.code, "--study", people.study.name]
    assert run(capsys, "import_points", path, *where, *told) == {"imported": 2, "already": 0, "refused": []}
    found = {(p.x_l0, p.y_l0, p.source) for p in Patch.objects.all()}
    assert found == {(100, 80, Source.POINTS), (150, 80, Source.POINTS)}
    assert list(standing_labels().order_by("patch__x_l0").values_list("label_class__name", flat=True)) == [
        "Positive",
        "Negative",
    ]
    again = run(capsys, "import_points", path, "--slide", field.slide.pk, *told)
    assert again == {"imported": 0, "already": 2, "refused": []}
    assert Label.objects.count() == 2


def test_points_off_the_slide_are_refused_and_the_others_come_in(people, field, tmp_path, capsys):
    path = tmp_path / "points.csv"
    path.write_text(CSV + "5000,80,positive\n")
    report = run(capsys, "import_points", path, "--slide", field.slide.pk)
    assert report["imported"] == 2
    assert report["refused"][0][0] == "(5000, 80)"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "columns x_l0,y_l0,label"),
        ("x_l0,y_l0,label\n", "holds no points"),
        ("x_l0,y_l0,label\n1,nan,positive\n", "line 2"),
        ("x_l0,y_l0,label\n1,-1,positive\n", "line 2"),
        ("x_l0,y_l0,label\n1\n", "line 2"),
        ("x_l0,y_l0,label\n1,1e400,positive\n", "line 2"),
        ("x_l0,y_l0,label\n1,1,\n", "class is missing"),
        ("x_l0,y_l0,label\n1,1,brown\n", "no class 'brown'.*Positive, Negative"),
        ("[", "no valid JSON"),
        ("[" * 100_000, "no valid JSON"),
        ("[1]", "Point 1"),
        ('[{"x": 1, "y": null, "label": "positive"}]', "point 1"),
        ('{"a": 1}', "FeatureCollection"),
        ('[{"geometry": {"type": "Point", "coordinates": [1]}, "properties": {}}]', "feature 1"),
        (
            '[{"geometry": {"type": "Line", "coordinates": []}, "properties": {"classification": {"name": "x"}}}]',
            "Line",
        ),
    ],
)
def test_bad_point_files_are_refused_in_words(text, words, people, field, tmp_path):
    path = tmp_path / "points"
    path.write_text(text)
    with pytest.raises(CommandError, match=words):
        call_command("import_points", str(path), "--slide", str(field.slide.pk))
    assert not Patch.objects.exists()


def test_a_slide_is_found_by_code_only_with_its_study(people, field, tmp_path):
    for slide, words in (("S001", "say in which study"), ("99999", "no slide"), ("west", "is no slide")):
        with pytest.raises(CommandError, match=words):
            call_command("import_points", str(tmp_path), "--slide", slide)


@pytest.fixture
def passwords(monkeypatch):
    for role in ("PATHOLOGIST", "LAB", "ADMIN"):
        monkeypatch.setenv(f"TILSCOPE_PASSWORD_{role}", f"secret words {role}")


def test_the_first_people_are_made_once_and_keep_their_passwords(people, passwords, monkeypatch, capsys):
    made = run(capsys, "ensure_people", "--study", people.study.name)
    assert [(p["username"], p["created"]) for p in made] == [("pathologist", True), ("lab", True), ("admin", True)]
    monkeypatch.setenv("TILSCOPE_PASSWORD_LAB", "another password")
    assert not any(p["created"] for p in run(capsys, "ensure_people", "--study", people.study.name))
    lab = User.objects.get(username="lab")
    assert lab.check_password("secret words LAB")
    assert not lab.is_superuser
    assert User.objects.get(username="admin").is_superuser
    assert [m.role for m in lab.memberships.all()] == ["lab"]


def test_a_missing_password_is_said(db, passwords, monkeypatch):
    monkeypatch.delenv("TILSCOPE_PASSWORD_ADMIN")
    with pytest.raises(CommandError, match="TILSCOPE_PASSWORD_ADMIN"):
        call_command("ensure_people")


def verified(capsys) -> tuple[int, list[dict[str, str]]]:
    capsys.readouterr()
    code = 0
    try:
        call_command("verify", "--json")
    except SystemExit as ended:
        code = int(ended.code or 0)
    return code, json.loads(capsys.readouterr().out)


def test_verify_is_content_with_a_whole_store(field, capsys):
    assert verified(capsys) == (0, [])


def test_verify_names_what_is_missing_damaged_and_unnamed(people, field, capsys):
    thumbnail = media.path_of(field.slide.thumbnail_sha256)
    thumbnail.chmod(0o600)
    thumbnail.write_bytes(b"other bytes")
    media.path_of(field.slide.pyramid_sha256).unlink()
    media.store_bytes(b"nobody's")
    PatchFactory.create(study=people.study, sha256=digest("other pixels"))
    code, found = verified(capsys)
    assert code == 1
    assert sorted(d["kind"] for d in found) == ["damaged", "damaged", "missing", "unnamed"]
    assert any(field.slide.pyramid_sha256 in d["what"] for d in found)
    assert any("labeling.patch" in d["what"] for d in found)


def test_verify_knows_files_of_every_app(people, capsys):
    from labeling.verification import file_columns

    assert {
        ("labeling.slide", "sha256"),
        ("labeling.slide", "thumbnail_sha256"),
        ("labeling.slide", "overview_sha256"),
        ("detection.modelversion", "sha256"),
    } <= set(file_columns())
    SlideFactory.create(study=people.study, state=SlideState.READY)
    code, found = verified(capsys)
    assert (code, [d["kind"] for d in found]) == (1, ["missing"])


def test_progress_goes_nowhere_where_nobody_watches(people, field, tmp_path, capsys):
    path = Path(tmp_path / "points.csv")
    path.write_text(CSV)
    call_command("import_points", str(path), "--slide", str(field.slide.pk))
    captured = capsys.readouterr()
    assert captured.out == "imported 2, already there 0, refused 0\n"
    assert captured.err == ""


def test_a_slide_goes_out_clean_by_its_code(people, make_field, tmp_path, capsys):
    field = make_field(number=7)
    out = tmp_path / "clean.tif"
    with pytest.raises(CommandError, match="There is no slide S009"):
        call_command("deidentify", "S009", str(out), "--study", people.study.name)
    told = run(capsys, "deidentify", "S007", out, "--study", people.study.name)
    assert (told["levels"], told["tiles"], told["sha256"]) == (1, 2, media.sha256_of(out))
    with SlideReader(out) as reader:
        pixels, mask = reader.read(0, 0, 300, 200)
    assert mask.all()
    assert (pixels == field.pixels).all()
    record = AccessRecord.objects.get(action="deidentify_slide")
    assert (record.slide, record.user) == (field.slide, people.study.created_by)
    with pytest.raises(CommandError, match="is there already"):
        call_command("deidentify", "S007", str(out), "--study", people.study.name)


def test_a_file_goes_out_clean_and_a_plain_image_is_refused_in_words(db, tmp_path, capsys):
    path = write_svs(tmp_path / "in.svs", drawn_pixels(300, 200))
    call_command("deidentify", str(path), str(tmp_path / "clean.tif"))
    assert "24 random regions read the same" in capsys.readouterr().out
    png = write_png(tmp_path / "in.png", drawn_pixels(90, 80))
    with pytest.raises(CommandError, match="This is a plain image"):
        call_command("deidentify", str(png), str(tmp_path / "no.tif"))
    with pytest.raises(CommandError, match="There is no folder"):
        call_command("deidentify", str(path), str(tmp_path / "absent" / "no.tif"))
    assert not AccessRecord.objects.exists()


def test_a_slide_that_is_not_ready_cannot_go_out(people, tmp_path):
    slide = SlideFactory.create(study=people.study, state=SlideState.QUEUED, width=None, height=None)
    with pytest.raises(CommandError, match="is not ready"):
        call_command("deidentify", str(slide.pk), str(tmp_path / "no.tif"))
