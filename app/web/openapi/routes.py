"""`/openapi.json` and `/docs`: what the API is, for programs and for people.

The page is Swagger UI out of a wheel: nothing is fetched from elsewhere, and nothing runs that is not a file of ours.
"""

from importlib.resources import files
from pathlib import Path

from flask import Response, current_app, send_from_directory

from app.domain.errors import NotFound
from app.web.answers import written
from app.web.auth import PUBLIC
from app.web.context import current_gateway
from app.web.openapi import document
from app.web.routing import Operation, Routes

docs = Routes("docs", __name__)

_DOCUMENT = "postern_openapi"
_OWN = Path(__file__).parent / "assets"
_SWAGGER = Path(str(files("flask_openapi_swagger"))) / "templates" / "swagger"
_FILES = {
    "docs.js": _OWN,
    "swagger-ui.css": _SWAGGER / "css",
    "swagger-ui-bundle.js": _SWAGGER / "js",
}
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


@docs.operation("GET", "/openapi.json", Operation(guard=PUBLIC, summary="This document."))
def get_openapi() -> Response:
    """Answer with the OpenAPI document, which is made on first demand: it takes as long as some fifty answers."""
    if _DOCUMENT not in current_app.extensions:
        current_app.extensions[_DOCUMENT] = document(current_app, url=current_gateway().settings.public_url)
    return written(current_app.extensions[_DOCUMENT])


@docs.operation("GET", "/docs", Operation(guard=PUBLIC, summary="This document as a page, to read and to try."))
def get_docs() -> Response:
    """Answer with the page."""
    page = send_from_directory(_OWN, "docs.html")
    page.headers["Content-Security-Policy"] = _POLICY
    return page


@docs.operation("GET", "/docs/<name>", Operation(guard=PUBLIC, summary="A file of the page."))
def get_docs_file(name: str) -> Response:
    """Answer with one of the few files that the page needs."""
    if name not in _FILES:
        raise NotFound("Nothing is served at this path.")
    return send_from_directory(_FILES[name], name)
