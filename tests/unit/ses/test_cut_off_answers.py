"""An answer of SES that is cut off leaves nothing open."""

import socket
from collections.abc import Iterator
from http.client import HTTPResponse

import pytest
from botocore import exceptions as boto

from tests.unit.sending.test_connections import BODY, OK, Line


@pytest.fixture
def line() -> Iterator[Line]:
    line = Line()
    yield line
    line.close()


@pytest.mark.parametrize("sent", [OK + BODY[:-1], b"SSH-2.0\r\n"])
def test_an_answer_that_is_cut_off_is_closed(line: Line, monkeypatch: pytest.MonkeyPatch, sent: bytes) -> None:
    """Python 3.13 writes an exception to stderr for each that is left open, when it is collected."""
    read: list[HTTPResponse] = []

    class Kept(HTTPResponse):
        def begin(self) -> None:
            read.append(self)
            super().begin()

    monkeypatch.setattr("app.aws.ses.connections.HTTPResponse", Kept)
    line.theirs.sendall(sent)
    line.theirs.shutdown(socket.SHUT_WR)
    with pytest.raises(boto.ConnectionClosedError):
        line.exchange.read()
    assert [response.closed for response in read] == [True]
