"""``manage.py model``: the registry on the command line."""

import io
import json

import pytest
from django.core.management import CommandError, call_command

from detection.choices import ModelStatus, Verdict
from detection.models import ModelComparison, ModelVersion, Promotion
from labeling import media
from labeling.models import AccessRecord
from tests.detection.makers import ImportedModelFactory, compared, learn_from, model_of
from tests.detection.registry.test_comparisons import frozen
from tests.factories import UserFactory

# Work done here is watched from another thread, so rows must be committed.
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def study(people):
    return people.study


def run(study, *args: object) -> str:
    out = io.StringIO()
    call_command("model", *[str(arg) for arg in args], "--study", study.name, stdout=out, stderr=io.StringIO())
    return out.getvalue()


def asked(study, tmp_path, *args: object) -> dict:
    out = tmp_path / "out.json"
    run(study, *args, "--json", out)
    found: dict = json.loads(out.read_text())
    return found


def test_list_tells_each_model_in_a_line(study, tmp_path):
    assert "has no models" in run(study, "list")
    model_of(study, number=1, status=ModelStatus.RETIRED)
    ImportedModelFactory.create(study=study, number=2)
    first, second = run(study, "list").splitlines()
    assert first.startswith("model 2 · candidate · not judged · imported by")
    assert second.startswith("model 1 · retired · accuracy 1.0000, F1 1.0000 on 10 patches · training")
    assert [row["number"] for row in asked(study, tmp_path, "list")["models"]] == [2, 1]


def test_show_is_the_card(study, tmp_path, toy_checkpoint):
    model_of(study, number=3, sha256=media.store_copy(toy_checkpoint), status=ModelStatus.CURRENT)
    assert run(study, "show", 3) == run(study, "show", "current")
    assert "## Limits" in run(study, "show", 3)
    card = asked(study, tmp_path, "show", 3)
    assert (card["model"]["number"], card["inside"]["patch_px"]) == (3, 70)


def test_promote_compares_first_and_asks_for_a_reason(study, tmp_path, toy_checkpoint):
    sha256 = media.store_copy(toy_checkpoint)
    model_of(study, number=1, sha256=sha256, status=ModelStatus.CURRENT)
    candidate = model_of(study, number=2, sha256=sha256)
    learn_from(candidate, frozen(study))
    with pytest.raises(CommandError, match="cannot be told apart"):
        run(study, "promote", 2)
    assert ModelComparison.objects.get().verdict == Verdict.NOT_TOLD_APART
    told = asked(study, tmp_path, "promote", 2, "--reason", "a round number")
    assert (told["model"]["status"], told["model"]["reason"]) == ("current", "a round number")
    assert (told["promotion"]["verdict"], told["promotion"]["previous"]["number"]) == ("not_told_apart", 1)
    assert ModelComparison.objects.count() == 1


def test_a_first_model_is_promoted_by_whom_one_says(study):
    user = UserFactory.create(username="rosa")
    model_of(study, number=1)
    assert "model 1 counts" in run(study, "promote", 1, "--user", "rosa")
    assert Promotion.objects.get().created_by == user
    with pytest.raises(CommandError, match="is the current one already"):
        run(study, "promote", 1)


def test_where_nothing_can_be_compared_a_reason_is_enough(study):
    ImportedModelFactory.create(study=study, number=1, status=ModelStatus.CURRENT)
    ImportedModelFactory.create(study=study, number=2)
    with pytest.raises(CommandError, match="could not be compared"):
        run(study, "promote", 2)
    run(study, "promote", 2, "--reason", "no labels yet")
    assert ModelVersion.objects.get(number=2, study=study).status == ModelStatus.CURRENT


def test_rollback(study, tmp_path):
    with pytest.raises(CommandError, match="nothing to go back to"):
        run(study, "rollback")
    first, second = model_of(study, number=1), model_of(study, number=2)
    run(study, "promote", 1)
    compared(second, first, Verdict.BETTER)
    assert "compared with model 1: better" in run(study, "promote", 2)
    told = asked(study, tmp_path, "rollback", "--reason", "it counts twice")
    assert (told["model"]["number"], told["promotion"]["kind"]) == (1, "roll_back")


def test_a_model_goes_out_and_comes_in_elsewhere(study, tmp_path, toy_checkpoint, people):
    model_of(study, number=1, sha256=media.store_copy(toy_checkpoint))
    out = tmp_path / "taken.safetensors"
    assert asked(study, tmp_path, "export", 1, out)["file"] == str(out)
    assert out.read_bytes() == toy_checkpoint.read_bytes()
    assert AccessRecord.objects.get().action == "export_model"
    with pytest.raises(CommandError, match="is model 1 of this study already"):
        run(study, "import", out)
    other = type(study).objects.exclude(pk=study.pk).first()
    told = asked(other, tmp_path, "import", out)
    assert (told["model"]["status"], told["model"]["file_name"]) == ("candidate", "taken.safetensors")
    assert told["model"]["imported_by"] == other.created_by.name


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["show", "77"], "no model"),
        (["promote", "current"], "no current model"),
        (["export", "1", "/no/such/folder/file"], "cannot be written"),
        (["import", "/no/such/file"], "cannot be read"),
        (["import", "/dev/null"], "is empty"),
        (["import", __file__], "damaged or no model"),
        (["promote", "1", "--user", "nobody"], "no person"),
        ([], "VERB"),
        (["forget", "1"], "invalid choice"),
    ],
)
def test_mistakes_are_told_in_words(study, toy_checkpoint, args, words):
    model_of(study, number=1, sha256=media.store_copy(toy_checkpoint))
    with pytest.raises(CommandError, match=words):
        run(study, *args)
