"""Data-set versions."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from config.errors import NotFoundError
from labeling import dataset_selectors, selectors
from labeling.apis.base import ListApi
from labeling.choices import Role
from labeling.dataset_serializers import (
    DatasetDetailSerializer,
    DatasetDiffQuerySerializer,
    DatasetDiffSerializer,
    DatasetSerializer,
    FreezeSerializer,
    NewFreezeSerializer,
)
from labeling.models import DatasetFreeze, DatasetVersion, Study
from labeling.permissions import MEMBER, Api, member, person
from labeling.services import FreezeChoices, freeze_cancel, freeze_start


class DatasetsApi(ListApi):
    access = {"GET": MEMBER}
    locate = selectors.study_located
    found: Study
    queryset = DatasetVersion.objects.none()

    @extend_schema(operation_id="dataset_list", responses=DatasetSerializer(many=True))
    def get(self, request: Request, study_id: int) -> Response:
        page = self.paginate_queryset(dataset_selectors.dataset_rows(self.found)) or []
        words = dataset_selectors.dataset_list_words(page)
        return self.get_paginated_response(DatasetSerializer(words, many=True).data)


class DatasetApi(Api):
    access = {"GET": MEMBER}
    locate = dataset_selectors.dataset_located
    found: DatasetVersion

    @extend_schema(operation_id="dataset_detail", responses=DatasetDetailSerializer)
    def get(self, request: Request, dataset_id: int) -> Response:
        return Response(DatasetDetailSerializer(dataset_selectors.dataset_words(self.found)).data)


class DatasetDiffApi(Api):
    access = {"GET": MEMBER}
    locate = dataset_selectors.dataset_located
    found: DatasetVersion

    @extend_schema(
        operation_id="dataset_diff", parameters=[DatasetDiffQuerySerializer], responses=DatasetDiffSerializer
    )
    def get(self, request: Request, dataset_id: int) -> Response:
        query = DatasetDiffQuerySerializer(data=request.query_params)
        query.is_valid(raise_exception=True)
        other = dataset_selectors.dataset_located(query.validated_data["with"])
        if other.study_id != self.found.study_id:
            raise NotFoundError(selectors.ABSENT)
        return Response(DatasetDiffSerializer(dataset_selectors.dataset_diff(self.found, other)).data)


def _freeze_answer(freeze_id: int, status: int = 200) -> Response:
    return Response(FreezeSerializer(dataset_selectors.freeze_located(freeze_id)).data, status=status)


class FreezesApi(ListApi):
    access = {"GET": MEMBER, "POST": member(Role.ADMIN)}
    locate = selectors.study_located
    found: Study
    queryset = DatasetFreeze.objects.none()
    serializer_class = FreezeSerializer

    @extend_schema(operation_id="freeze_list", responses=FreezeSerializer(many=True))
    def get(self, request: Request, study_id: int) -> Response:
        return self.page_of(dataset_selectors.freeze_rows().filter(study=self.found))

    @extend_schema(
        operation_id="freeze_start",
        request=NewFreezeSerializer,
        responses={201: FreezeSerializer, 200: FreezeSerializer},
    )
    def post(self, request: Request, study_id: int) -> Response:
        data = NewFreezeSerializer(data=request.data)
        data.is_valid(raise_exception=True)
        wanted = dict(data.validated_data)
        freeze, made = freeze_start(
            study=self.found,
            user=person(request),
            client_key=wanted["client_key"],
            seed=wanted["seed"],
            sources=wanted.get("sources", ()),
            slides=wanted.get("slides", ()),
            choices=FreezeChoices(
                name=wanted.get("name", ""),
                reader_id=wanted.get("reader"),
                split=wanted["split"],
                guard_px=wanted["guard_px"],
            ),
        )
        return _freeze_answer(freeze.pk, status=201 if made else 200)


class FreezeApi(Api):
    access = {"GET": MEMBER}
    locate = dataset_selectors.freeze_located
    found: DatasetFreeze

    @extend_schema(operation_id="freeze_detail", responses=FreezeSerializer)
    def get(self, request: Request, freeze_id: int) -> Response:
        return Response(FreezeSerializer(self.found).data)


class FreezeCancelApi(Api):
    access = {"POST": member(Role.ADMIN)}
    locate = dataset_selectors.freeze_located
    found: DatasetFreeze

    @extend_schema(operation_id="freeze_cancel", request=None, responses=FreezeSerializer)
    def post(self, request: Request, freeze_id: int) -> Response:
        freeze_cancel(freeze=self.found)
        return _freeze_answer(freeze_id)
