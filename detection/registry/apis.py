"""The API of the registry: one class per address."""

from django.http import FileResponse, HttpResponse
from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from config.errors import DomainError
from detection import selectors
from detection.models import ModelComparison, ModelImport, ModelVersion, Promotion
from detection.registry import card, services
from detection.registry import selectors as registry
from detection.registry.card_text import card_markdown
from detection.registry.serializers import (
    ComparisonSerializer,
    EvidenceSerializer,
    ModelCardSerializer,
    ModelImportQuerySerializer,
    ModelImportSerializer,
    PromotionSerializer,
    ReasonSerializer,
    RollBackSerializer,
)
from detection.serializers import ModelSerializer, checked
from labeling.apis.base import AnyAccept, ListApi
from labeling.choices import Role
from labeling.models import Study
from labeling.permissions import MEMBER, Api, member, person
from labeling.selectors import study_located

FILE_TYPE = "application/octet-stream"
ADMIN = member(Role.ADMIN)


class WrongTypeError(DomainError):
    """The body is not declared as a file."""

    code = "content_type"
    status = 415


def _model_answer(model_id: int) -> Response:
    return Response(ModelSerializer(selectors.model_words(selectors.model_at(model_id))).data)


def _attached(response: HttpResponseBase, name: str) -> HttpResponseBase:
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["X-Content-Type-Options"] = "nosniff"
    response["Cache-Control"] = "no-store"
    return response


class ModelsApi(ListApi):
    queryset = ModelVersion.objects.none()
    access = {"GET": MEMBER}
    locate = study_located
    found: Study

    @extend_schema(operation_id="model_list", responses=ModelSerializer(many=True))
    def get(self, request: Request, study_id: int) -> Response:
        found = self.paginate_queryset(selectors.models().filter(study=self.found)) or []
        rows = [selectors.model_words(model) for model in found]
        return self.get_paginated_response(ModelSerializer(rows, many=True).data)


class ModelApi(Api):
    access = {"GET": MEMBER}
    locate = selectors.model_at
    found: ModelVersion

    @extend_schema(operation_id="model_detail", responses=ModelSerializer)
    def get(self, request: Request, model_id: int) -> Response:
        return Response(ModelSerializer(selectors.model_words(self.found)).data)


class ModelComparisonApi(Api):
    access = {"GET": MEMBER, "POST": ADMIN}
    locate = selectors.model_at
    found: ModelVersion

    @extend_schema(operation_id="model_comparison", responses=EvidenceSerializer)
    def get(self, request: Request, model_id: int) -> Response:
        return Response(EvidenceSerializer(registry.evidence_words(self.found)).data)

    @extend_schema(
        operation_id="model_compare", request=None, responses={201: ComparisonSerializer, 200: ComparisonSerializer}
    )
    def post(self, request: Request, model_id: int) -> Response:
        comparison, made = services.comparison_start(model=self.found, user=person(request))
        words = registry.comparison_words(registry.comparison_at(comparison.pk))
        return Response(ComparisonSerializer(words).data, status=201 if made else 200)


class ComparisonApi(Api):
    access = {"GET": MEMBER}
    locate = registry.comparison_at
    found: ModelComparison

    @extend_schema(operation_id="comparison_detail", responses=ComparisonSerializer)
    def get(self, request: Request, comparison_id: int) -> Response:
        return Response(ComparisonSerializer(registry.comparison_words(self.found)).data)


class ModelPromoteApi(Api):
    access = {"POST": ADMIN}
    locate = selectors.model_at
    found: ModelVersion

    @extend_schema(operation_id="model_promote", request=ReasonSerializer, responses=ModelSerializer)
    def post(self, request: Request, model_id: int) -> Response:
        wanted = checked(ReasonSerializer, request.data)
        services.model_promote(model=self.found, user=person(request), reason=wanted["reason"])
        return _model_answer(model_id)


class RollBackApi(Api):
    access = {"GET": MEMBER, "POST": ADMIN}
    locate = study_located
    found: Study

    @extend_schema(operation_id="model_roll_back_preview", responses=RollBackSerializer)
    def get(self, request: Request, study_id: int) -> Response:
        return Response(RollBackSerializer(registry.roll_back_words(self.found)).data)

    @extend_schema(operation_id="model_roll_back", request=ReasonSerializer, responses=ModelSerializer)
    def post(self, request: Request, study_id: int) -> Response:
        wanted = checked(ReasonSerializer, request.data)
        change = services.model_roll_back(study=self.found, user=person(request), reason=wanted["reason"])
        return _model_answer(change.model_id)


class PromotionsApi(ListApi):
    queryset = Promotion.objects.none()
    access = {"GET": MEMBER}
    locate = study_located
    found: Study

    @extend_schema(operation_id="promotion_list", responses=PromotionSerializer(many=True))
    def get(self, request: Request, study_id: int) -> Response:
        found = self.paginate_queryset(registry.promotions(self.found)) or []
        rows = [registry.promotion_words(row) for row in found]
        return self.get_paginated_response(PromotionSerializer(rows, many=True).data)


class ModelCardApi(Api):
    access = {"GET": MEMBER}
    locate = selectors.model_at
    found: ModelVersion

    @extend_schema(operation_id="model_card", responses=ModelCardSerializer)
    def get(self, request: Request, model_id: int) -> Response:
        return Response(ModelCardSerializer(card.model_card(self.found)).data)


class ModelCardFileApi(Api):
    access = {"GET": MEMBER}
    content_negotiation_class = AnyAccept
    locate = selectors.model_at
    found: ModelVersion

    @extend_schema(operation_id="model_card_file", responses={(200, "text/markdown"): OpenApiTypes.STR})
    def get(self, request: Request, model_id: int) -> HttpResponseBase:
        text = card_markdown(card.model_card(self.found))
        services.export_record(model=self.found, user=person(request), kind="card")
        response = HttpResponse(text, content_type="text/markdown; charset=utf-8")
        return _attached(response, f"model-{self.found.pk}.md")


class CheckpointApi(Api):
    access = {"GET": MEMBER}
    content_negotiation_class = AnyAccept
    locate = selectors.model_at
    found: ModelVersion

    @extend_schema(operation_id="model_checkpoint", responses={(200, FILE_TYPE): OpenApiTypes.BINARY})
    def get(self, request: Request, model_id: int) -> HttpResponseBase:
        path = services.checkpoint_path(self.found)
        services.export_record(model=self.found, user=person(request), kind="checkpoint")
        response = FileResponse(path.open("rb"), content_type=FILE_TYPE)
        return _attached(response, f"model-{self.found.pk}.safetensors")


class ModelImportsApi(Api):
    access = {"POST": ADMIN}
    content_negotiation_class = AnyAccept
    locate = study_located
    found: Study

    @extend_schema(
        operation_id="model_import",
        parameters=[ModelImportQuerySerializer],
        request={FILE_TYPE: OpenApiTypes.BINARY},
        responses={201: ModelImportSerializer, 200: ModelImportSerializer},
    )
    def post(self, request: Request, study_id: int) -> Response:
        said = checked(ModelImportQuerySerializer, request.query_params)
        if request.content_type != FILE_TYPE:
            raise WrongTypeError(f"Send the file's bytes as {FILE_TYPE}.")
        run, made = services.model_import_start(
            study=self.found,
            user=person(request),
            client_key=said["client_key"],
            stream=request._request,
            size_bytes=int(request.META.get("CONTENT_LENGTH") or 0),
            file_name=said["file_name"],
        )
        words = registry.import_words(registry.import_at(run.pk))
        return Response(ModelImportSerializer(words).data, status=201 if made else 200)


class ModelImportApi(Api):
    access = {"GET": MEMBER}
    locate = registry.import_at
    found: ModelImport

    @extend_schema(operation_id="model_import_detail", responses=ModelImportSerializer)
    def get(self, request: Request, import_id: int) -> Response:
        return Response(ModelImportSerializer(registry.import_words(self.found)).data)
