"""Studies."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from labeling import selectors
from labeling.apis.base import ListApi
from labeling.choices import Role
from labeling.models import Study
from labeling.permissions import MEMBER, SIGNED_IN, SITE_ADMIN, Api, member, person
from labeling.serializers import NewStudySerializer, StudyChangesSerializer, StudySerializer
from labeling.services import ClassSpec, study_create, study_update


def _answer(request: Request, study: Study, status: int = 200) -> Response:
    row = selectors.study_rows(person(request)).get(pk=study.pk)
    return Response(StudySerializer(row, context={"request": request}).data, status=status)


class StudiesApi(ListApi):
    access = {"GET": SIGNED_IN, "POST": SITE_ADMIN}
    serializer_class = StudySerializer
    queryset = Study.objects.none()

    @extend_schema(operation_id="study_list")
    def get(self, request: Request) -> Response:
        return self.page_of(selectors.study_rows(person(request)))

    @extend_schema(operation_id="study_create", request=NewStudySerializer, responses={201: StudySerializer})
    def post(self, request: Request) -> Response:
        data = NewStudySerializer(data=request.data)
        data.is_valid(raise_exception=True)
        wanted: dict[str, Any] = dict(data.validated_data)
        classes = tuple(ClassSpec(**spec) for spec in wanted.pop("classes", ()))
        return _answer(request, study_create(user=person(request), classes=classes, **wanted), status=201)


class StudyApi(Api):
    access = {"GET": MEMBER, "PATCH": member(Role.ADMIN)}
    locate = selectors.study_located
    found: Study

    @extend_schema(operation_id="study_detail", responses=StudySerializer)
    def get(self, request: Request, study_id: int) -> Response:
        return _answer(request, self.found)

    @extend_schema(operation_id="study_update", request=StudyChangesSerializer, responses=StudySerializer)
    def patch(self, request: Request, study_id: int) -> Response:
        data = StudyChangesSerializer(data=request.data)
        data.is_valid(raise_exception=True)
        return _answer(request, study_update(study=self.found, changes=dict(data.validated_data)))
