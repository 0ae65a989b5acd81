"""The model card: everything known, nothing made up, and safe as a file whatever names people chose."""

import json

import pytest
from django.utils import timezone

from detection import selectors
from detection.choices import ModelStatus, Verdict
from detection.nn.checkpoint import CheckpointMeta, load_checkpoint, save_checkpoint
from detection.nn.gate import Gate
from detection.nn.low_rank import LowRank
from detection.nn.network import PaperNet
from detection.registry.card import RESEARCH, model_card
from detection.registry.card_text import card_markdown, plain
from detection.registry.services import model_promote
from labeling import media
from labeling.choices import Side
from tests.detection.makers import METRICS, ImportedModelFactory, compared, frozen_of, labels_of, model_of, run_of
from tests.detection.nn.toys import TINY, tiny_config
from tests.factories import DatasetItemFactory, PatchFactory, SlideFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def model(people, toy_checkpoint):
    """A model trained on nine patches of two slides and one without, tested on two."""
    model = model_of(people.study, sha256=media.store_copy(toy_checkpoint), threshold=0.62)
    run = run_of(model)
    run.device, run.versions, run.finished_at = "cpu", {"torch": "2.14.1"}, timezone.now()
    run.save()
    counted, other = people.study.classes.get(counted=True), people.study.classes.get(counted=False)
    slides = SlideFactory.create_batch(2, study=people.study)
    places = [(slides[n % 2], n) for n in range(8)]
    patches = [PatchFactory.create(slide=slide, x_l0=n, y_l0=n) for slide, n in places]
    for n, patch in enumerate([*patches, PatchFactory.create(study=people.study)]):
        label_class = counted if n < 5 else other
        DatasetItemFactory.create(dataset=frozen_of(run), patch=patch, label_class=label_class, side=Side.TRAIN)
    DatasetItemFactory.create(dataset=frozen_of(run), label_class=counted, side=Side.TEST)
    DatasetItemFactory.create(dataset=frozen_of(run), label_class=other, side=Side.TEST)
    return selectors.model_at(model.pk)


def test_the_card_of_a_trained_model_tells_everything(model, people, toy_checkpoint):
    card = model_card(model)
    run = run_of(model)
    _, meta = load_checkpoint(toy_checkpoint)
    assert (card["study"], card["dataset_hash"]) == (
        {"id": people.study.pk, "name": people.study.name},
        frozen_of(run).content_hash,
    )
    origin = card["origin"]
    assert (origin["kind"], origin["by"], origin["device"]) == ("trained", run.created_by.name, "cpu")
    assert (origin["training_run"], origin["preset"], origin["seed"]) == (run.number, "quick", 1)
    assert (origin["at"], origin["versions"]) == (run.finished_at, {"torch": "2.14.1"})
    assert card["scores"] == METRICS
    assert (card["threshold"]["value"], "highest F1" in card["threshold"]["how"]) == (0.62, True)
    assert card["inside"]["gate"] == meta.to_json()["gate"]
    assert card["inside"]["low_rank"] is None
    assert card["inside"]["config"] == meta.config.to_json()
    assert card["inside"]["class_names"] == ["Negative", "Positive"]


def test_counts_go_by_class_and_side(model):
    dataset = model_card(model)["dataset"]
    assert dataset["classes"] == [
        {"name": "Negative", "sides": {"train": 4, "validation": 0, "test": 1}},
        {"name": "Positive", "sides": {"train": 5, "validation": 0, "test": 1}},
    ]
    assert (dataset["patches_learned"], dataset["slides_learned"], dataset["patches_without_slide"]) == (9, 2, 1)


def test_limits_are_said_in_plain_words(model):
    limits = model_card(model)["limits"]
    assert limits[0] == RESEARCH
    assert "learned from 9 patches (8 of 2 slides of this study, 1 imported without a slide)." in limits[1]
    assert any("pixels as they are" in words for words in limits)
    assert any("DAB" in words for words in limits)
    assert any("10 single patches" in words for words in limits)


def test_the_card_of_an_imported_model_says_what_nobody_knows(people, toy_checkpoint):
    made = ImportedModelFactory.create(
        study=people.study, sha256=media.store_copy(toy_checkpoint), imported_by=people.admin
    )
    card = model_card(selectors.model_at(made.pk))
    assert card["origin"]["words"] == f"Imported by {people.admin.name} from outside."
    assert (card["origin"]["file_name"], card["origin"]["training_run"]) == ("counter.safetensors", None)
    assert (card["dataset"], card["dataset_hash"], card["scores"]) == (None, made.dataset_hash, None)
    assert "not known here" in card["threshold"]["how"]
    assert any("may have seen the patches" in words for words in card["limits"])
    assert any("Nobody here has judged it" in words for words in card["limits"])
    assert set(card["origin"]["versions"]) == {"torch"}


def test_an_imported_model_of_known_labels_shows_them(people, model):
    dataset = labels_of(model)
    made = ImportedModelFactory.create(study=people.study, dataset_hash=dataset.content_hash)
    assert model_card(selectors.model_at(made.pk))["dataset"]["number"] == dataset.number
    elsewhere = ImportedModelFactory.create(dataset_hash=dataset.content_hash)
    assert model_card(selectors.model_at(elsewhere.pk))["dataset"] is None


def test_without_its_file_a_card_says_so(people):
    card = model_card(selectors.model_at(model_of(people.study).pk))
    assert card["inside"] is None
    assert any("missing or damaged" in words for words in card["limits"])
    assert "missing or damaged" in card_markdown(card)


def test_the_history_is_on_the_card(model, people):
    before = model_of(people.study, status=ModelStatus.CURRENT)
    compared(model, before, Verdict.WORSE)
    model_promote(model=model, user=people.admin, reason="fewer double counts")
    [row] = model_card(model)["history"]
    assert (row["verdict"], row["reason"], row["created_by"]) == ("worse", "fewer double counts", people.admin.name)
    text = card_markdown(model_card(model))
    assert (
        f"Promoted by {people.admin.name}, after model {before.number}. Compared: worse. “fewer double counts”" in text
    )


def test_the_file_shows_what_the_page_shows(model):
    text = card_markdown(model_card(model))
    for heading in ("Limits", "Scores", "Threshold", "Data", "Inside the file", "When it counted"):
        assert f"\n## {heading}\n" in text
    assert f"# Model {model.number} of " in text
    assert model.sha256 in text
    assert "| test | 10 | 1.0000 | 1.0000 | 1.0000 | 1.0000 | 5 | 0 | 0 | 5 |" in text
    assert "| Positive | 5 | 0 | 1 |" in text
    assert "0.62. Chosen on the validation patches" in text
    assert '    "learning_rate": 0.005' in text
    assert "Never yet." in text
    assert "None" not in text


def test_gate_and_low_rank_head_are_told_in_figures(people, tmp_path):
    gate = Gate(dab_min=0.21, tissue_min=0.1, positives_kept=0.9991, negatives_passed=0.24)
    network = PaperNet(TINY, rank=3)
    meta = CheckpointMeta(
        shape=TINY,
        preprocessing=network.preprocessing,
        class_names=("Negative", "Positive"),
        threshold=0.5,
        gate=gate,
        dataset_hash="",
        config=tiny_config(),
        low_rank=LowRank(rank=3, flipped=0, largest_difference=0.0142, patches=1086),
    )
    save_checkpoint(tmp_path / "model.safetensors", network, meta)
    made = model_of(people.study, sha256=media.store_copy(tmp_path / "model.safetensors"))
    card = model_card(selectors.model_at(made.pk))
    assert (card["inside"]["gate"], card["inside"]["low_rank"]) == (gate.to_json(), meta.to_json()["low_rank"])
    text = card_markdown(card).replace("\\", "")
    assert "**Stain gate:** from 0.21 DAB density; it keeps 99.9% of the counted patches" in text
    assert "lets 24.0% of the others pass" in text
    assert "**Low-rank head:** rank 3; 0 validation patches called differently, scores at most 0.014 apart" in text
    assert "on 1,086 patches as they are and moved aside" in text


def test_a_file_without_gate_and_low_rank_head_says_so(model):
    card = model_card(model)
    card["inside"]["gate"] = None
    text = card_markdown(card)
    assert "**Stain gate:** none\n" in text
    assert "**Low-rank head:** none; the full head counts\n" in text


def test_the_file_of_an_imported_model_reads_well(people, toy_checkpoint):
    made = ImportedModelFactory.create(study=people.study, sha256=media.store_copy(toy_checkpoint))
    text = card_markdown(model_card(selectors.model_at(made.pk)))
    assert "Nobody here has judged it yet." in text
    assert "**File:** counter.safetensors" in text
    assert "**Device:** not known" in text


@pytest.mark.parametrize(
    "name",
    [
        "<script>alert(1)</script>",
        "[click](javascript:alert(1))",
        "# heading",
        "a | b",
        "`code`",
        "two\n\n## lines",
        "back\\slash",
        "![x](http://x)",
        "&lt;b&gt;",
    ],
)
def test_a_name_stays_a_name(model, people, name):
    made = ImportedModelFactory.create(study=people.study, file_name=name)
    text = card_markdown(model_card(selectors.model_at(made.pk)))
    assert f"**File:** {plain(name)}\n" in text
    shown = plain(name)
    for mark in "<>[]()#|`*_!&":
        assert shown.count(mark) == shown.count(f"\\{mark}")
    assert "\n" not in shown


def test_the_card_is_plain_json(model):
    text = json.dumps(model_card(model), default=str, allow_nan=False)
    assert json.loads(text)["model"]["number"] == model.number


def test_a_card_asks_few_questions(model, django_assert_max_num_queries):
    with django_assert_max_num_queries(14):
        model_card(selectors.model_at(model.pk))
