"""JSON of the labelling side, in and out."""

from typing import Any, TypeVar

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from config.leases import FAILED
from labeling.choices import Role, ScaleSource, Shape, SlideState, Source
from labeling.models import DatasetFreeze, Label, LabelClass, Membership, Patch, Slide, Study, Upload, User
from labeling.permissions import ALL_ROLES

MAX_L0 = 2**31 - 1
MAX_SLIDES_AT_ONCE = 500
MPP_RANGE = (0.01, 100)
_NO_SUCH_PIXEL = "A pixel of a slide measures between 0.01 and 100 µm. Check the length and its unit."
MPP_WORDS: dict[str, Any] = {
    "min_value": _NO_SUCH_PIXEL,
    "max_value": _NO_SUCH_PIXEL,
    "invalid": "The scale must be a number.",
}
Plain = serializers.Serializer[Any]


class ErrorSerializer(Plain):
    """Every refusal."""

    code = serializers.CharField()
    message = serializers.CharField()
    extra = serializers.DictField()


class MeSerializer(serializers.ModelSerializer[User]):
    """A person."""

    name = serializers.CharField(read_only=True)
    is_site_admin = serializers.BooleanField(source="is_superuser", read_only=True)

    class Meta:
        model = User
        fields = ["id", "username", "name", "is_site_admin"]
        read_only_fields = fields


class LoginSerializer(Plain):
    """A sign-in."""

    username = serializers.CharField(max_length=150)
    password = serializers.CharField(max_length=4096, trim_whitespace=False, style={"input_type": "password"})


class LabelClassSerializer(serializers.ModelSerializer[LabelClass]):
    """A kind of cell."""

    class Meta:
        model = LabelClass
        fields = ["id", "name", "key", "colour", "shape", "counted"]


class NewLabelClassSerializer(Plain):
    """A kind of cell to be made with its study."""

    name = serializers.CharField(max_length=60)
    key = serializers.IntegerField(min_value=1, max_value=9)
    colour = serializers.RegexField(r"^#[0-9a-fA-F]{6}$")
    shape = serializers.ChoiceField(choices=Shape.choices, default=Shape.RING)
    counted = serializers.BooleanField(default=False)


class StudySerializer(serializers.ModelSerializer[Study]):
    """A study, with the caller's roles in it."""

    classes = LabelClassSerializer(many=True, read_only=True)
    roles = serializers.SerializerMethodField()
    slide_count = serializers.IntegerField(read_only=True)
    patch_count = serializers.IntegerField(read_only=True)

    class Meta:
        model = Study
        fields = [
            "id",
            "name",
            "description",
            "patch_px",
            "model_mpp",
            "radius_um",
            "quota_bytes",
            "classes",
            "roles",
            "slide_count",
            "patch_count",
            "created_at",
        ]
        read_only_fields = fields

    @extend_schema_field(serializers.ListField(child=serializers.ChoiceField(choices=Role.choices)))
    def get_roles(self, study: Any) -> list[str]:
        """List the caller's roles."""
        if self.context["request"].user.is_superuser:
            return sorted(ALL_ROLES)
        return [membership.role for membership in study.my_memberships]


class StudyChangesSerializer(Plain):
    """What may change in a study."""

    name = serializers.CharField(max_length=120, required=False)
    description = serializers.CharField(max_length=2000, allow_blank=True, required=False)
    model_mpp = serializers.FloatField(min_value=0.001, max_value=1000, allow_null=True, required=False)
    radius_um = serializers.FloatField(min_value=0.01, max_value=1000, required=False)
    quota_bytes = serializers.IntegerField(min_value=0, max_value=2**62, allow_null=True, required=False)


class NewStudySerializer(StudyChangesSerializer):
    """A study to be made."""

    name = serializers.CharField(max_length=120)
    classes = NewLabelClassSerializer(many=True, required=False)


class MemberSerializer(serializers.ModelSerializer[Membership]):
    """A person's role in a study."""

    user = MeSerializer(read_only=True)

    class Meta:
        model = Membership
        fields = ["id", "user", "role", "created_at"]
        read_only_fields = fields


class NewMemberSerializer(Plain):
    """A role to be given."""

    username = serializers.RegexField(r"^[\w.@+-]+\Z", max_length=150)
    role = serializers.ChoiceField(choices=Role.choices)
    name = serializers.CharField(max_length=150, required=False, allow_blank=True, default="")


class AddedMemberSerializer(MemberSerializer):
    """The role that was given; with the password, once, where the account is new."""

    password = serializers.CharField(required=False, read_only=True)

    class Meta(MemberSerializer.Meta):
        fields = [*MemberSerializer.Meta.fields, "password"]
        read_only_fields = fields


class ProgressSerializer(Plain):
    """How far something is."""

    done = serializers.IntegerField()
    total = serializers.IntegerField()
    message = serializers.CharField(allow_blank=True)


class FailureSerializer(Plain):
    """Why something failed."""

    code = serializers.CharField()
    message = serializers.CharField()


Row = TypeVar("Row", Slide, DatasetFreeze)


class LeasedSerializer(serializers.ModelSerializer[Row]):
    """What a worker prepares: how far it is, and why it failed."""

    progress = serializers.SerializerMethodField()
    error = serializers.SerializerMethodField()

    @extend_schema_field(ProgressSerializer)
    def get_progress(self, row: Row) -> dict[str, Any]:
        """Say how far it is."""
        return {"done": row.done, "total": row.total, "message": row.message}

    @extend_schema_field(FailureSerializer(allow_null=True))
    def get_error(self, row: Row) -> dict[str, str] | None:
        """Say why it failed."""
        return {"code": row.error_code, "message": row.error} if row.state == FAILED else None


class SlideSerializer(LeasedSerializer[Slide]):
    """A slide."""

    state = serializers.ChoiceField(choices=SlideState.choices, read_only=True)
    mpp_source = serializers.ChoiceField(choices=ScaleSource.choices, allow_blank=True, read_only=True)
    code = serializers.CharField(read_only=True)
    label_count = serializers.IntegerField(read_only=True)
    uploaded_by = serializers.CharField(source="uploaded_by.name", read_only=True)

    class Meta:
        model = Slide
        fields = [
            "id",
            "study",
            "code",
            "case_code",
            "stain",
            "note",
            "state",
            "progress",
            "error",
            "width",
            "height",
            "mpp",
            "mpp_doubt",
            "mpp_source",
            "file_mpp",
            "objective",
            "format",
            "size_bytes",
            "sha256",
            "label_count",
            "uploaded_by",
            "created_at",
        ]
        read_only_fields = fields


class UploadSerializer(serializers.ModelSerializer[Upload]):
    """A file of one's own that is on its way."""

    class Meta:
        model = Upload
        fields = ["id", "file_name", "size_bytes", "offset_bytes", "sha256", "touched_at"]
        read_only_fields = fields


class SlideChangesSerializer(Plain):
    """What may change in a slide."""

    case_code = serializers.CharField(max_length=60, allow_blank=True, required=False)
    stain = serializers.CharField(max_length=40, allow_blank=True, required=False)
    note = serializers.CharField(max_length=2000, allow_blank=True, required=False)
    mpp = serializers.FloatField(
        min_value=MPP_RANGE[0], max_value=MPP_RANGE[1], error_messages=MPP_WORDS, allow_null=True, required=False
    )
    mpp_source = serializers.ChoiceField(choices=ScaleSource.choices, required=False)


class ScaleChangeSerializer(Plain):
    """One change of a slide's scale; without a person, the program read it in the file."""

    at = serializers.DateTimeField()
    person = serializers.CharField(allow_null=True)
    before = serializers.FloatField(allow_null=True)
    after = serializers.FloatField(allow_null=True)
    source = serializers.ChoiceField(choices=ScaleSource.choices, allow_blank=True)  # type: ignore[assignment]


class SlidesSerializer(Plain):
    """Which slides."""

    slides = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=MAX_L0), min_length=1, max_length=MAX_SLIDES_AT_ONCE
    )


class SlidesChangesSerializer(SlidesSerializer):
    """What is to be the same in several slides."""

    changes = SlideChangesSerializer()


class SlideNameSerializer(serializers.ModelSerializer[Slide]):
    """A slide in few words, for a choice among thousands."""

    state = serializers.ChoiceField(choices=SlideState.choices, read_only=True)
    code = serializers.CharField(read_only=True)

    class Meta:
        model = Slide
        fields = ["id", "code", "case_code", "state"]
        read_only_fields = fields


class SlideRefusalSerializer(Plain):
    """A slide that stayed as it was, and why."""

    slide = serializers.IntegerField()
    slide_code = serializers.CharField(allow_null=True, help_text="empty: this study has no such slide")
    code = serializers.CharField()
    message = serializers.CharField()


class SlidesDoneSerializer(Plain):
    """What became of each of several slides."""

    done = serializers.ListField(child=serializers.IntegerField())
    refused = SlideRefusalSerializer(many=True)


class ClickSerializer(Plain):
    """A double-click on a cell."""

    x = serializers.IntegerField(min_value=0, max_value=MAX_L0)
    y = serializers.IntegerField(min_value=0, max_value=MAX_L0)
    class_id = serializers.IntegerField(min_value=1)
    client_key = serializers.UUIDField()


class SayingSerializer(Plain):
    """Something newer said of a patch; a class of null withdraws."""

    class_id = serializers.IntegerField(min_value=1, allow_null=True)
    client_key = serializers.UUIDField()


class ReaderSerializer(serializers.ModelSerializer[User]):
    """Who said it."""

    name = serializers.CharField(read_only=True)

    class Meta:
        model = User
        fields = ["id", "name"]
        read_only_fields = fields


class SlideFacetsSerializer(Plain):
    """What the slides of a study can be filtered by."""

    cases = serializers.ListField(child=serializers.CharField())
    stains = serializers.ListField(child=serializers.CharField())
    people = ReaderSerializer(many=True)


class PatchLabelSerializer(serializers.ModelSerializer[Label]):
    """One reader's label of one patch; class null: withdrawn, place null: an imported patch."""

    x_l0 = serializers.IntegerField(source="patch.x_l0", read_only=True, allow_null=True)
    y_l0 = serializers.IntegerField(source="patch.y_l0", read_only=True, allow_null=True)
    class_id = serializers.IntegerField(source="label_class_id", read_only=True, allow_null=True)
    reader = ReaderSerializer(read_only=True)
    mine = serializers.SerializerMethodField()
    source = serializers.ChoiceField(source="patch.source", choices=Source.choices, read_only=True)  # type: ignore[assignment]

    class Meta:
        model = Label
        fields = ["patch_id", "x_l0", "y_l0", "class_id", "reader", "mine", "source", "created_at"]
        read_only_fields = fields

    def get_mine(self, label: Label) -> bool:
        """Tell whether the caller said it."""
        return bool(label.reader_id == self.context["request"].user.pk)


class MarkerSerializer(PatchLabelSerializer):
    """A standing label with its place on a slide."""

    x_l0 = serializers.IntegerField(source="patch.x_l0", read_only=True)
    y_l0 = serializers.IntegerField(source="patch.y_l0", read_only=True)
    class_id = serializers.IntegerField(source="label_class_id", read_only=True)


class PatchSerializer(serializers.ModelSerializer[Patch]):
    """A patch with the label to show: the caller's own, else the newest of anybody."""

    slide = serializers.IntegerField(source="slide_id", read_only=True, allow_null=True)
    slide_code = serializers.CharField(source="slide.code", read_only=True, allow_null=True, default=None)
    source = serializers.ChoiceField(choices=Source.choices, read_only=True)  # type: ignore[assignment]
    class_id = serializers.IntegerField(read_only=True, allow_null=True)
    reader = serializers.SerializerMethodField()

    class Meta:
        model = Patch
        fields = ["id", "slide", "slide_code", "x_l0", "y_l0", "source", "class_id", "reader", "created_at"]
        read_only_fields = fields

    @extend_schema_field(ReaderSerializer(allow_null=True))
    def get_reader(self, patch: Any) -> dict[str, Any] | None:
        """Name who said it."""
        reader = self.context["readers"].get(patch.shown_label_id)
        return dict(ReaderSerializer(reader).data) if reader else None


class ClassCountSerializer(Plain):
    """Patches of one class."""

    class_id = serializers.IntegerField()
    count = serializers.IntegerField()


class SourceCountSerializer(Plain):
    """Patches of one source."""

    source = serializers.ChoiceField(choices=Source.choices)  # type: ignore[assignment]
    count = serializers.IntegerField()


class SlideCountSerializer(Plain):
    """Patches of one slide."""

    slide_id = serializers.IntegerField()
    code = serializers.CharField()
    count = serializers.IntegerField()


class PatchSummarySerializer(Plain):
    """What a study has to learn from."""

    total = serializers.IntegerField()
    classes = ClassCountSerializer(many=True)
    sources = SourceCountSerializer(many=True)
    slides = SlideCountSerializer(many=True)


class SystemSerializer(Plain):
    """What runs here."""

    version = serializers.CharField()
    device = serializers.CharField()
    commit = serializers.CharField()
