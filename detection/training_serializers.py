"""The JSON edge of training: what is asked for, how far it is, and what came of it."""

from typing import Any

from rest_framework import serializers

from detection.choices import MAX_FOLDS, MAX_MINUTES, MAX_TRIALS, Preset, TrialState, WhyStopped
from detection.nn.config import MOST_BESIDE
from detection.serializers import (
    ClassCountsSerializer,
    ClientKeySerializer,
    FiniteField,
    MetricsSerializer,
    RunSerializer,
    ScoresSerializer,
)
from labeling.choices import Source


class RangeField(serializers.ListField):
    """Two numbers, the lower one first; the recipe says what they may be."""

    child: serializers.Field[Any, Any, Any, Any] = FiniteField()

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(min_length=2, max_length=2, **kwargs)


class WholeRangeField(RangeField):
    """Two whole numbers, the lower one first."""

    child = serializers.IntegerField()


class ScoreIntervalsSerializer(serializers.Serializer[Any]):
    """95 % intervals of scores."""

    accuracy = RangeField()
    precision = RangeField()
    recall = RangeField()


class RocSerializer(serializers.Serializer[Any]):
    """Receiver operating characteristic: lists of equal length."""

    fpr = serializers.ListField(child=serializers.FloatField())
    tpr = serializers.ListField(child=serializers.FloatField())
    threshold = serializers.ListField(child=serializers.FloatField(allow_null=True))


class PrecisionRecallSerializer(serializers.Serializer[Any]):
    """Precision over recall: lists of equal length."""

    recall = serializers.ListField(child=serializers.FloatField())
    precision = serializers.ListField(child=serializers.FloatField())
    threshold = serializers.ListField(child=serializers.FloatField(allow_null=True))


class CalibrationBinSerializer(serializers.Serializer[Any]):
    """Patches of similar score: what the model said, and which share was positive."""

    low = serializers.FloatField()
    high = serializers.FloatField()
    count = serializers.IntegerField()
    said = serializers.FloatField()
    found = serializers.FloatField()
    interval = RangeField()


class CalibrationSerializer(serializers.Serializer[Any]):
    """How far scores are probabilities."""

    bins = CalibrationBinSerializer(many=True)
    expected_error = serializers.FloatField(allow_null=True)


class JudgeScoresSerializer(serializers.Serializer[Any]):
    """A model over all thresholds, on the test side."""

    threshold = serializers.FloatField()
    roc = RocSerializer()
    precision_recall = PrecisionRecallSerializer()
    auc = serializers.FloatField(allow_null=True)
    average_precision = serializers.FloatField(allow_null=True)
    calibration = CalibrationSerializer()
    intervals = ScoreIntervalsSerializer()


class SlideScoresSerializer(ScoresSerializer):
    """Scores on the test patches of one slide; no slide: imported patches."""

    slide = serializers.IntegerField(allow_null=True)
    slide_code = serializers.CharField(allow_null=True)
    intervals = ScoreIntervalsSerializer()


class ClassScoresSerializer(serializers.Serializer[Any]):
    """Share of a class that is called as it should be."""

    class_id = serializers.IntegerField()
    name = serializers.CharField()
    counted = serializers.BooleanField()
    count = serializers.IntegerField()
    accuracy = serializers.FloatField()
    interval = RangeField()


class WrongPatchSerializer(serializers.Serializer[Any]):
    """A test patch that the model calls wrongly."""

    patch = serializers.IntegerField()
    slide = serializers.IntegerField(allow_null=True)
    slide_code = serializers.CharField(allow_null=True)
    x_l0 = serializers.IntegerField(allow_null=True)
    y_l0 = serializers.IntegerField(allow_null=True)
    truth = serializers.CharField()
    positive = serializers.BooleanField(help_text="whether the label is of a counted class")
    score = serializers.FloatField()


class RunMetricsSerializer(MetricsSerializer):
    """All that is known of a run's model; runs of earlier versions know the scores alone."""

    judge_scores = JudgeScoresSerializer(allow_null=True, default=None)
    slides = SlideScoresSerializer(many=True, default=list)
    classes = ClassScoresSerializer(many=True, default=list)
    wrong = WrongPatchSerializer(many=True, default=list)


class SideCountsSerializer(serializers.Serializer[Any]):
    """Patches of each side of a data set."""

    train = ClassCountsSerializer()
    validation = ClassCountsSerializer()
    test = ClassCountsSerializer()


class FrozenDatasetSerializer(serializers.Serializer[Any]):
    """The labels a run learned from."""

    id = serializers.IntegerField()
    number = serializers.IntegerField()
    content_hash = serializers.CharField()
    counts = SideCountsSerializer()


class CurvePointSerializer(serializers.Serializer[Any]):
    """One point of the curve."""

    step = serializers.IntegerField()
    loss = serializers.FloatField()
    accuracy = serializers.FloatField(allow_null=True, help_text="on the validation side; empty between epochs")
    precision = serializers.FloatField(allow_null=True)
    recall = serializers.FloatField(allow_null=True)

    validation_loss = serializers.FloatField(allow_null=True, default=None)


class TrialFoldSerializer(serializers.Serializer[Any]):
    """One training of a configuration that has ended."""

    fold = serializers.IntegerField(help_text="0: on the whole training side, judged by the validation side")
    validation_loss = serializers.FloatField(allow_null=True)
    metrics = ScoresSerializer()
    threshold = serializers.FloatField()
    steps = serializers.IntegerField()
    best_step = serializers.IntegerField()
    stopped_because = serializers.ChoiceField(WhyStopped.choices)
    seconds = serializers.FloatField()


class TrialSerializer(serializers.Serializer[Any]):
    """One configuration of a search; its scores are validation scores, of folds the mean."""

    number = serializers.IntegerField()
    state = serializers.ChoiceField(TrialState.choices)
    parameters = serializers.DictField()
    validation_loss = serializers.FloatField(allow_null=True, help_text="what trials are ranked by")
    metrics = ScoresSerializer(allow_null=True)
    stopped_because = serializers.ChoiceField(WhyStopped.choices, allow_null=True)
    seconds = serializers.FloatField()
    folds = TrialFoldSerializer(many=True)


class TrialDetailSerializer(TrialSerializer):
    """One configuration with the curve of its training under way, or of its last one."""

    curve = CurvePointSerializer(many=True)


class SearchSpaceSerializer(serializers.Serializer[Any]):
    """Ranges of a search, ``[low, high]``; what is absent keeps the paper's range."""

    max_steps = WholeRangeField(required=False)
    learning_rate = RangeField(required=False)
    weight_decay = RangeField(required=False)
    patience_steps = WholeRangeField(required=False)


class WindowsBesideSerializer(serializers.Serializer[Any]):
    """What became of windows beside counted cells."""

    each = serializers.IntegerField(help_text="wanted beside each counted cell")
    cells = serializers.IntegerField(help_text="counted cells of the training side")
    without_slide = serializers.IntegerField(help_text="those of them that were imported without a slide")
    cut = serializers.IntegerField(
        help_text="windows that are learned from; the others did not fit or look like a cell"
    )
    unreadable_slides = serializers.ListField(child=serializers.CharField(), help_text="codes of slides left out")


class TrainingRunSerializer(RunSerializer):
    """One training or search, as it stands in a list."""

    preset = serializers.ChoiceField(Preset.choices)
    config = serializers.DictField()
    seed = serializers.IntegerField()
    device = serializers.CharField()
    dataset = FrozenDatasetSerializer(allow_null=True, help_text="empty until the labels are frozen")
    trial_limit = serializers.IntegerField(help_text="configurations to try; 1: the recipe alone")
    folds = serializers.IntegerField(help_text="of the cross-validation; 0: none")
    minutes = serializers.IntegerField(allow_null=True, help_text="of computing, after which no new step is begun")
    space = SearchSpaceSerializer(allow_null=True)
    windows_beside = WindowsBesideSerializer(
        allow_null=True, help_text="empty until they are cut, and for trainings before there were any"
    )
    seconds = serializers.FloatField(help_text="spent computing, over all attempts")
    stop_asked = serializers.BooleanField(help_text="somebody has asked to end with the best so far")
    best_trial = serializers.IntegerField(allow_null=True, help_text="number of the trial that is the best so far")
    metrics = MetricsSerializer(allow_null=True)
    model_id = serializers.IntegerField(allow_null=True)


class TrainingRunDetailSerializer(TrainingRunSerializer):
    """One training or search, with its trials and all that is known of its model."""

    metrics = RunMetricsSerializer(allow_null=True)
    trials = TrialSerializer(many=True)
    curve = CurvePointSerializer(many=True)
    curve_trial = serializers.IntegerField(allow_null=True, help_text="number of the trial whose curve this is")


class TrainingStartSerializer(ClientKeySerializer):
    """What to learn from, and how."""

    preset = serializers.ChoiceField(Preset.choices)
    dataset = serializers.IntegerField(
        required=False, allow_null=True, min_value=1, help_text="a data-set version; absent: the labels as they are now"
    )
    sources = serializers.ListField(child=serializers.ChoiceField(Source.choices), required=False, allow_empty=False)
    slides = serializers.ListField(
        child=serializers.IntegerField(min_value=1), required=False, allow_empty=False, max_length=10_000
    )
    seed = serializers.IntegerField(required=False, min_value=0, max_value=2**31 - 1)
    epochs = serializers.IntegerField(required=False, min_value=1, max_value=500)
    trials = serializers.IntegerField(required=False, min_value=1, max_value=MAX_TRIALS)
    folds = serializers.IntegerField(required=False, min_value=0, max_value=MAX_FOLDS)
    minutes = serializers.IntegerField(required=False, allow_null=True, min_value=1, max_value=MAX_MINUTES)
    space = SearchSpaceSerializer(required=False, allow_null=True)
    windows_beside = serializers.IntegerField(
        required=False,
        allow_null=True,
        min_value=0,
        max_value=MOST_BESIDE,
        help_text="windows beside each counted cell of a slide, learned as not counted; absent: the recipe's number",
    )
