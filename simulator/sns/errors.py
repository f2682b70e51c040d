"""The errors of SNS, each with the code and status that boto3 shows."""

from simulator.http.query import QueryError


class SnsError(QueryError):
    """An error of SNS."""


def sns_not_found(message: str) -> SnsError:
    """The topic or subscription does not exist."""
    return SnsError(404, "NotFound", message)


def resource_not_found() -> SnsError:
    """What is to be tagged does not exist."""
    return SnsError(404, "ResourceNotFound", "Resource does not exist")


def invalid_parameter(message: str) -> SnsError:
    """A parameter is missing or invalid."""
    return SnsError(400, "InvalidParameter", f"Invalid parameter: {message}")


def authorization_error(message: str) -> SnsError:
    """The caller may not do this."""
    return SnsError(403, "AuthorizationError", message)
