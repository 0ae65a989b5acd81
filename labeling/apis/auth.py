"""Sign in, sign out, who am I."""

from django.contrib.auth import authenticate, login, logout
from django.middleware.csrf import get_token
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import NotAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from config.auth import SessionAuthentication
from config.errors import DomainError
from labeling.permissions import PUBLIC, SIGNED_IN, Api
from labeling.serializers import ErrorSerializer, LoginSerializer, MeSerializer


class WrongPasswordError(DomainError):
    """Name or password is wrong; which one stays unsaid."""

    code = "wrong_password"
    status = 401


class MeApi(Api):
    access = {"GET": PUBLIC}

    @extend_schema(operation_id="auth_me", responses={200: MeSerializer, 401: ErrorSerializer})
    def get(self, request: Request) -> Response:
        get_token(request._request)
        if not request.user.is_authenticated:
            raise NotAuthenticated
        return Response(MeSerializer(request.user).data)


class LoginApi(Api):
    access = {"POST": PUBLIC}
    authentication_classes = []

    @extend_schema(
        operation_id="auth_login", request=LoginSerializer, responses={200: MeSerializer, 401: ErrorSerializer}
    )
    def post(self, request: Request) -> Response:
        SessionAuthentication().enforce_csrf(request)
        data = LoginSerializer(data=request.data)
        data.is_valid(raise_exception=True)
        user = authenticate(request._request, **data.validated_data)
        if user is None:
            raise WrongPasswordError(
                "The name or the password is wrong. Try again, or ask an admin for a new password."
            )
        login(request._request, user)
        return Response(MeSerializer(user).data)


class LogoutApi(Api):
    access = {"POST": SIGNED_IN}

    @extend_schema(operation_id="auth_logout", request=None, responses={204: None})
    def post(self, request: Request) -> Response:
        logout(request._request)
        return Response(status=204)
