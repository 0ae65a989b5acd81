"""Slides as rows."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from labeling import selectors
from labeling.apis.base import ListApi
from labeling.choices import Role, SlideState
from labeling.filters import SlideFilters
from labeling.models import Slide, Study
from labeling.permissions import MEMBER, Api, member, person
from labeling.serializers import (
    ScaleChangeSerializer,
    SlideChangesSerializer,
    SlideFacetsSerializer,
    SlideNameSerializer,
    SlidesChangesSerializer,
    SlidesDoneSerializer,
    SlideSerializer,
    SlidesSerializer,
)
from labeling.services import Outcome, access_record, slide_delete, slide_update, slides_delete, slides_update

STAFF = member(Role.LAB, Role.ADMIN)


def _answer(slide: Slide) -> Response:
    row = selectors.with_label_count(Slide.objects.filter(pk=slide.pk)).get()
    return Response(SlideSerializer(row).data)


class SlidesApi(ListApi):
    access = {"GET": MEMBER}
    locate = selectors.study_located
    found: Study
    serializer_class = SlideSerializer
    filterset_class = SlideFilters
    queryset = Slide.objects.none()

    @extend_schema(operation_id="slide_list")
    def get(self, request: Request, study_id: int) -> Response:
        return self.page_of(selectors.slide_rows(self.found))


class SlideNamesApi(ListApi):
    """All slides that a filter finds, to choose them; the few words of each keep thousands small."""

    access = {"GET": MEMBER}
    locate = selectors.study_located
    found: Study
    serializer_class = SlideNameSerializer
    filterset_class = SlideFilters
    pagination_class = None
    queryset = Slide.objects.none()

    @extend_schema(operation_id="slide_names", responses=SlideNameSerializer(many=True))
    def get(self, request: Request, study_id: int) -> Response:
        return Response(self.get_serializer(self.filter_queryset(selectors.slide_rows(self.found)), many=True).data)


class SlideFacetsApi(Api):
    access = {"GET": MEMBER}
    locate = selectors.study_located
    found: Study

    @extend_schema(operation_id="slide_facets", responses=SlideFacetsSerializer)
    def get(self, request: Request, study_id: int) -> Response:
        return Response(SlideFacetsSerializer(selectors.slide_facets(self.found)).data)


def _outcomes(outcomes: list[Outcome]) -> Response:
    refused = [
        {"slide": one.slide_id, "slide_code": one.slide_code, "code": one.refusal.code, "message": one.refusal.message}
        for one in outcomes
        if one.refusal
    ]
    done = [one.slide_id for one in outcomes if not one.refusal]
    return Response(SlidesDoneSerializer({"done": done, "refused": refused}).data)


class SlidesChangesApi(Api):
    access = {"POST": STAFF}
    locate = selectors.study_located
    found: Study

    @extend_schema(operation_id="slides_update", request=SlidesChangesSerializer, responses=SlidesDoneSerializer)
    def post(self, request: Request, study_id: int) -> Response:
        data = SlidesChangesSerializer(data=request.data)
        data.is_valid(raise_exception=True)
        wanted = data.validated_data
        return _outcomes(slides_update(study=self.found, slide_ids=wanted["slides"], changes=dict(wanted["changes"])))


class SlidesDeletionsApi(Api):
    access = {"POST": STAFF}
    locate = selectors.study_located
    found: Study

    @extend_schema(operation_id="slides_delete", request=SlidesSerializer, responses=SlidesDoneSerializer)
    def post(self, request: Request, study_id: int) -> Response:
        data = SlidesSerializer(data=request.data)
        data.is_valid(raise_exception=True)
        return _outcomes(slides_delete(study=self.found, slide_ids=data.validated_data["slides"]))


class SlideApi(Api):
    access = {"GET": MEMBER, "PATCH": STAFF, "DELETE": STAFF}
    locate = selectors.slide_located
    found: Slide

    @extend_schema(operation_id="slide_detail", responses=SlideSerializer)
    def get(self, request: Request, slide_id: int) -> Response:
        if self.found.state == SlideState.READY:
            access_record(user=person(request), study=self.found.study, slide=self.found, action="open_slide")
        return _answer(self.found)

    @extend_schema(operation_id="slide_update", request=SlideChangesSerializer, responses=SlideSerializer)
    def patch(self, request: Request, slide_id: int) -> Response:
        data = SlideChangesSerializer(data=request.data)
        data.is_valid(raise_exception=True)
        return _answer(slide_update(slide=self.found, changes=dict(data.validated_data)))

    @extend_schema(operation_id="slide_delete", responses={204: None})
    def delete(self, request: Request, slide_id: int) -> Response:
        slide_delete(slide=self.found)
        return Response(status=204)


class ScaleChangesApi(Api):
    access = {"GET": MEMBER}
    locate = selectors.slide_located
    found: Slide

    @extend_schema(operation_id="slide_scale_changes", responses=ScaleChangeSerializer(many=True))
    def get(self, request: Request, slide_id: int) -> Response:
        return Response(ScaleChangeSerializer(selectors.scale_changes(self.found), many=True).data)
