"""The errors of SNS, each with the code and status that boto3 shows."""


class SnsError(Exception):
    """An error of the query protocol."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


def sns_not_found(message: str) -> SnsError:
    """The topic or subscription does not exist."""
    return SnsError(404, "NotFound", message)


def invalid_parameter(message: str) -> SnsError:
    """A parameter is missing or invalid."""
    return SnsError(400, "InvalidParameter", f"Invalid parameter: {message}")


def authorization_error(message: str) -> SnsError:
    """The caller may not do this."""
    return SnsError(403, "AuthorizationError", message)
