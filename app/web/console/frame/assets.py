"""`/console/assets`: the styles and scripts of the pages, for every browser: the sign-in needs them too."""

from typing import Final

from flask import Response

from app.domain.errors import NotFound
from app.web.console.frame.compression import accepts_gzip
from app.web.console.frame.files import assets
from app.web.console.frame.pages import Pages
from app.web.http.auth import PUBLIC

console_assets = Pages("console_assets", __name__)

_A_YEAR: Final = "public, max-age=31536000, immutable"


@console_assets.page("/console/assets/<digest>/<path:name>", role=PUBLIC, summary="Get a style or a script.")
def get_asset(digest: str, name: str) -> Response:
    """Answer with the file, to be kept for a year; 404 for another version of it."""
    asset = assets().get(name)
    if asset is None or asset.digest != digest:
        raise NotFound("There is no such file.")
    packed = accepts_gzip()
    answer = Response(asset.packed if packed else asset.content, mimetype=asset.media)
    answer.headers["Cache-Control"] = _A_YEAR
    answer.vary.add("Accept-Encoding")
    if packed:
        answer.headers["Content-Encoding"] = "gzip"
    return answer
