"""Serves the page for phones. Its files are read once, and nothing else can be asked for."""

from importlib.resources import files

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}

HEADERS = {
    # Scripts and styles from here alone, none of them in the page itself; no frame, no form, no other server.
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self';"
        " base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
    ),
    "permissions-policy": "bluetooth=(self), camera=(self), geolocation=(), microphone=(), usb=(), serial=()",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "cache-control": "no-cache",
}


def routes() -> list[Route]:
    """`/phone/` and its files."""
    pages = _read()

    def get(http: Request) -> Response:
        page = pages.get(http.path_params.get("name", "index.html"))
        if page is None:
            return JSONResponse({"error": "there is no such page"}, 404)
        body, media_type = page
        return Response(body, media_type=media_type, headers=HEADERS)

    return [
        Route("/phone", lambda _: RedirectResponse("/phone/", 308)),
        Route("/phone/", get),
        Route("/phone/{name}", get),
    ]


def _read() -> dict[str, tuple[bytes, str]]:
    pages = {}
    for file in files("gateway.phone").joinpath("static").iterdir():
        suffix = "." + file.name.rpartition(".")[2]
        if suffix in MEDIA_TYPES:
            pages[file.name] = file.read_bytes(), MEDIA_TYPES[suffix]
    return pages
