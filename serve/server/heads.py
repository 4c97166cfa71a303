"""HEAD for every route that answers GET, gzip for texts, and files that browsers get again only when changed."""

import asyncio
from os import PathLike, stat_result

from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_AS_THEY_ARE = (
    *(".zip", ".png", "/mask.json", "/picture", "/thumbnail"),
    *("/events", "/export/cvat", "/export/label-studio"),
)


class Heads:
    """ASGI middleware: answers HEAD with the headers of GET.

    Args:
        app: What it stands around.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See the ASGI specification."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self.app(scope, receive, send)
            return
        told = asyncio.Event()

        async def header_only(message: Message) -> None:
            if message["type"] == "http.response.start":
                await send(message)
                await send({"type": "http.response.body", "body": b""})
                told.set()

        # Of a stream that never ends, events say, only the beginning is wanted.
        answering = asyncio.ensure_future(self.app({**scope, "method": "GET"}, receive, header_only))
        begun = asyncio.ensure_future(told.wait())
        try:
            await asyncio.wait({answering, begun}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            begun.cancel()
            answering.cancel()
            await asyncio.gather(answering, begun, return_exceptions=True)


class PackedTexts(GZipMiddleware):
    """ASGI middleware: gzip for texts; what gzip would not make smaller, or would hold back, goes as it is."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See `GZipMiddleware`."""
        as_it_is = scope["type"] != "http" or scope["method"] != "GET" or scope["state"]["path"].endswith(_AS_THEY_ARE)
        if as_it_is:
            await self.app(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


class CheckedFiles(StaticFiles):
    """Files that a browser keeps, and asks about each time: 304 when nothing has changed."""

    def file_response(
        self, full_path: str | PathLike[str], stat_result: stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        """See `StaticFiles`."""
        response = super().file_response(full_path, stat_result, scope, status_code)
        response.headers["Cache-Control"] = "no-cache"
        return response
