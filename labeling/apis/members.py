"""People of a study."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from labeling import selectors
from labeling.choices import Role
from labeling.models import Membership, Study
from labeling.permissions import MEMBER, Api, member
from labeling.serializers import AddedMemberSerializer, MemberSerializer, NewMemberSerializer
from labeling.services import member_add, member_remove


class MembersApi(Api):
    access = {"GET": MEMBER, "POST": member(Role.ADMIN)}
    locate = selectors.study_located
    found: Study

    @extend_schema(operation_id="member_list", responses=MemberSerializer(many=True))
    def get(self, request: Request, study_id: int) -> Response:
        return Response(MemberSerializer(selectors.member_rows(self.found), many=True).data)

    @extend_schema(operation_id="member_add", request=NewMemberSerializer, responses={201: AddedMemberSerializer})
    def post(self, request: Request, study_id: int) -> Response:
        data = NewMemberSerializer(data=request.data)
        data.is_valid(raise_exception=True)
        membership, password = member_add(study=self.found, **data.validated_data)
        answer = dict(MemberSerializer(membership).data)
        if password is not None:
            answer["password"] = password
        return Response(answer, status=201)


class MemberApi(Api):
    access = {"DELETE": member(Role.ADMIN)}
    locate = selectors.membership_located
    found: Membership

    @extend_schema(operation_id="member_remove", responses={204: None})
    def delete(self, request: Request, membership_id: int) -> Response:
        member_remove(membership=self.found)
        return Response(status=204)
