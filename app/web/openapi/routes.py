"""`/openapi.json` and `/docs`: the documentation of the API, for programs and for people.

The page is Swagger UI, from an installed wheel. It fetches nothing from other hosts, and runs only scripts that this
gateway serves.
"""

from importlib.resources import files
from pathlib import Path

from flask import Response, current_app, send_from_directory

from app.domain.errors import NotFound
from app.web.http.auth import PUBLIC
from app.web.http.concurrency_limit import DOCS_AT_ONCE, docs_are_busy
from app.web.http.context import current_gateway, current_in_progress
from app.web.http.responses import written
from app.web.http.routing import Operation, Routes
from app.web.openapi.document import document

docs = Routes("docs", __name__)


@docs.before_request
def _few_at_a_time() -> None:
    """Limit the responses at a time: any client may ask for them without a key, and read them slowly."""
    if not current_in_progress().enter("docs", at_most=DOCS_AT_ONCE):
        raise docs_are_busy()


_DOCUMENT = "postern_openapi"
_OWN = Path(__file__).parents[1] / "assets"
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


@docs.operation("GET", "/openapi.json", Operation(guard=PUBLIC, summary="Get this document."))
def get_openapi() -> Response:
    """Answer with the OpenAPI document. It is made at the first request, which takes as long as some fifty others."""
    if _DOCUMENT not in current_app.extensions:
        current_app.extensions[_DOCUMENT] = document(current_app, url=current_gateway().settings.public_url)
    return written(current_app.extensions[_DOCUMENT])


@docs.operation("GET", "/docs", Operation(guard=PUBLIC, summary="Show this document as a page, to read and to try."))
def get_docs() -> Response:
    """Answer with the page."""
    page = send_from_directory(_OWN, "docs.html")
    page.headers["Content-Security-Policy"] = _POLICY
    return page


@docs.operation("GET", "/docs/<name>", Operation(guard=PUBLIC, summary="Get a file of the page."))
def get_docs_file(name: str) -> Response:
    """Answer with one of the few files that the page needs."""
    if name not in _FILES:
        raise NotFound("Nothing is served at this path.")
    return send_from_directory(_FILES[name], name)
