"""The query protocol of SNS and STS: form fields in, XML out. It handles the wire format only."""

from collections.abc import Iterable, Mapping
from uuid import uuid4
from xml.sax.saxutils import escape

from simulator.http.server import Response

Fields = dict[str, str]


class QueryError(Exception):
    """An error of the query protocol, with the code and status that boto3 shows."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message

    def response(self, namespace: str) -> Response:
        """Return the HTTP response."""
        fault = "Receiver" if self.status >= 500 else "Sender"
        inner = element("Type", fault) + element("Code", self.code) + element("Message", self.message)
        request_id = element("RequestId", str(uuid4()))
        return _xml(
            self.status, f'<ErrorResponse xmlns="{namespace}"><Error>{inner}</Error>{request_id}</ErrorResponse>'
        )


def result(action: str, inner: str, namespace: str) -> Response:
    """Return the answer to an action; `inner` is the XML of its result, empty when it has none.

    The element of the result is always there: boto3 needs it for some actions without one, and minds it for none.
    """
    body = f"<{action}Result>{inner}</{action}Result>"
    metadata = f"<ResponseMetadata><RequestId>{uuid4()}</RequestId></ResponseMetadata>"
    return _xml(200, f'<{action}Response xmlns="{namespace}">{body}{metadata}</{action}Response>')


def element(name: str, text: str) -> str:
    """Return an element with a text."""
    return f"<{name}>{escape(text)}</{name}>"


def members(name: str, inner: Iterable[str]) -> str:
    """Return a list, each member of it given as XML."""
    return f"<{name}>{''.join(f'<member>{one}</member>' for one in inner)}</{name}>"


def entries(name: str, pairs: Mapping[str, str]) -> str:
    """Return a map."""
    inner = "".join(f"<entry>{element('key', key)}{element('value', value)}</entry>" for key, value in pairs.items())
    return f"<{name}>{inner}</{name}>"


def tag_list(tags: Mapping[str, str]) -> str:
    """Return tags as AWS lists them."""
    return members("Tags", (element("Key", key) + element("Value", value) for key, value in tags.items()))


def read_map(fields: Fields, name: str) -> dict[str, str]:
    """Return a map of the request: `Attributes.entry.1.key` and so on."""
    return _pairs(fields, f"{name}.entry.", "key", "value")


def read_tags(fields: Fields) -> dict[str, str]:
    """Return the tags of the request: `Tags.member.1.Key` and so on."""
    return _pairs(fields, "Tags.member.", "Key", "Value")


def read_list(fields: Fields, name: str) -> list[str]:
    """Return a list of the request: `TagKeys.member.1` and so on."""
    return [value for key, value in fields.items() if key.startswith(f"{name}.member.")]


def _pairs(fields: Fields, prefix: str, key: str, value: str) -> dict[str, str]:
    return {
        text: fields.get(name.removesuffix(key) + value, "")
        for name, text in fields.items()
        if name.startswith(prefix) and name.endswith("." + key)
    }


def _xml(status: int, body: str) -> Response:
    return Response(status, body.encode(), content_type="text/xml")
