"""Allow-listed filters and orderings of the lists."""

from django.db.models import F, OrderBy, Q, QuerySet, Value
from django.db.models.functions import NullIf
from django_filters import rest_framework as filters

from labeling.choices import SlideState, Source
from labeling.models import Patch, Slide
from labeling.selectors import standing_labels

MISSING = {
    "case_code": Q(case_code=""),
    "stain": Q(stain=""),
    "mpp": Q(mpp__isnull=True, state=SlideState.READY),
}


class SlideOrdering(filters.OrderingFilter):  # type: ignore[misc]
    """Allow-listed orders; what is not known comes last, and equal rows go by number, so that pages never overlap."""

    def filter(self, qs: QuerySet[Slide], value: list[str] | None) -> QuerySet[Slide]:
        """Sort the slides."""
        terms = [self._term(self.get_ordering_value(name)) for name in value or []]
        return qs.order_by(*terms, "number")

    @staticmethod
    def _term(name: str) -> OrderBy:
        plain = name.removeprefix("-")
        field = NullIf(plain, Value("")) if plain in ("case_code", "stain") else F(plain)
        return field.desc(nulls_last=True) if name.startswith("-") else field.asc(nulls_last=True)


class SlideFilters(filters.FilterSet):  # type: ignore[misc]
    """Slides by state, case, stain, who brought them and when, what they lack, or a word in what people wrote."""

    state = filters.ChoiceFilter(choices=SlideState.choices)
    case_code = filters.CharFilter()
    stain = filters.CharFilter()
    uploaded_by = filters.NumberFilter(field_name="uploaded_by_id", min_value=1, max_value=2**31 - 1)
    uploaded_from = filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="gte")
    uploaded_before = filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="lt")
    missing = filters.ChoiceFilter(choices=[(name, name) for name in MISSING], method="filter_missing")
    search = filters.CharFilter(method="filter_search", max_length=100)
    ordering = SlideOrdering(
        fields=["number", "created_at", "case_code", "stain", "state", "area_px", "label_count", "cell_count"]
    )

    class Meta:
        model = Slide
        fields: list[str] = []

    def filter_missing(self, slides: QuerySet[Slide], name: str, what: str) -> QuerySet[Slide]:
        """Keep slides that still lack a case, a stain, or a scale."""
        return slides.filter(MISSING[what])

    def filter_search(self, slides: QuerySet[Slide], name: str, word: str) -> QuerySet[Slide]:
        """Find a word in code, case code, stain and note."""
        wanted = Q(case_code__icontains=word) | Q(stain__icontains=word) | Q(note__icontains=word)
        digits = word.strip().upper().removeprefix("S").lstrip("0")
        if digits.isascii() and digits.isdigit() and len(digits) < 10:
            wanted |= Q(number=int(digits))
        return slides.filter(wanted)


class PatchFilters(filters.FilterSet):  # type: ignore[misc]
    """Patches by the class shown, slide, source or reader."""

    class_id = filters.NumberFilter(field_name="class_id", min_value=1)
    slide = filters.NumberFilter(field_name="slide_id", min_value=1)
    source = filters.ChoiceFilter(choices=Source.choices)
    reader = filters.NumberFilter(method="filter_reader", min_value=1)
    ordering = filters.OrderingFilter(fields=["id", "created_at"])

    class Meta:
        model = Patch
        fields: list[str] = []

    def filter_reader(self, patches: QuerySet[Patch], name: str, reader: int) -> QuerySet[Patch]:
        """Keep patches that a reader has labelled."""
        return patches.filter(pk__in=standing_labels().filter(reader_id=int(reader)).values("patch"))
