"""Images that Label Studio names: in the task itself, below the root, or on the Label Studio there is."""

import asyncio
import base64
import binascii
from urllib.parse import parse_qs, unquote_to_bytes, urlsplit

import httpx

from swsss.data.below import open_below
from swsss.errors import UserError
from swsss.serve.server.jobs.root import Root
from swsss.serve.server.problems import Refused
from swsss.serve.server.settings import Settings

_LOCAL = "/data/local-files/"
_LONGEST = 8192
_SECONDS = 30.0


class Fetcher:
    """Gets images, from nowhere but where the server was told it may.

    Args:
        settings: Label Studio's address and token, and the limits.
        root: The folder that may be read.
        seconds: For one image, from its request to its last byte.
    """

    def __init__(self, settings: Settings, root: Root, seconds: float = _SECONDS) -> None:
        self._limits, self._root, self._seconds = settings.limits, root, seconds
        self._studio = settings.label_studio.rstrip("/")
        self._headers = {"Accept-Encoding": "identity"}
        if settings.label_studio_key:
            self._headers["Authorization"] = f"Token {settings.label_studio_key}"

    async def __call__(self, address: str) -> bytes:
        """The bytes behind an address.

        Raises:
            UserError: It may not be fetched, is not there, is too large, comes too slowly, or is not an address.
        """
        try:
            async with asyncio.timeout(self._seconds):
                return await self._fetch(address)
        except TimeoutError:
            raise UserError(f"'{address[:200]}' did not come within {self._seconds:g} s.") from None
        except (ValueError, httpx.InvalidURL):
            # What urlsplit, httpx, IDNA and the file system do not take for an address.
            raise UserError(f"'{address[:200]}' is not the address of an image.") from None

    async def _fetch(self, address: str) -> bytes:
        if address.startswith("data:"):
            data = await asyncio.to_thread(_data, address)
            self._check_size(len(data))
            return data
        if len(address) > _LONGEST:
            raise ValueError(address)
        parts = urlsplit(address)
        if not parts.netloc and parts.path == _LOCAL and self._root.path is not None:
            return await asyncio.to_thread(self._local, parse_qs(parts.query).get("d", [""])[0])
        if not self._studio:
            raise UserError(
                f"'{address[:200]}' cannot be fetched: start swsss-serve with --label-studio http://HOST and the "
                "environment variable LABEL_STUDIO_API_KEY."
            )
        target = address if parts.netloc else f"{self._studio}/{address.lstrip('/')}"
        if urlsplit(target)[:2] != urlsplit(self._studio)[:2]:
            raise UserError(f"'{address[:200]}' is not on {self._studio}, the only host images are fetched from.")
        return await self._download(target)

    def _local(self, name: str) -> bytes:
        try:
            assert self._root.path is not None
            with open_below(self._root.find(name.lstrip("/")), self._root.path) as file:
                data = file.read(self._limits.image_bytes + 1)
        except UserError:
            raise UserError(f"'{name[:200]}' is not a file below the server's root.") from None
        except Refused as refusal:
            raise UserError(refusal.detail) from None
        except OSError as error:
            raise UserError(f"'{name[:200]}' cannot be read: {error.strerror}.") from None
        self._check_size(len(data))
        return data

    async def _download(self, address: str) -> bytes:
        data = bytearray()
        try:
            # Redirects would lead to other hosts, with the token.
            async with (
                httpx.AsyncClient(timeout=self._seconds, headers=self._headers, trust_env=False) as client,
                client.stream("GET", address) as response,
            ):
                if response.status_code != httpx.codes.OK:
                    told = f"{address[:200]} answers with {response.status_code}; is LABEL_STUDIO_API_KEY right?"
                    raise UserError(told)
                # As it was sent: a few bytes that are packed may become gigabytes.
                async for part in response.aiter_raw():
                    data += part
                    self._check_size(len(data))
        except httpx.HTTPError as error:
            raise UserError(f"{address[:200]} cannot be fetched: {type(error).__name__}.") from None
        return bytes(data)

    def _check_size(self, size: int) -> None:
        if size > self._limits.image_bytes:
            raise UserError(f"The image is larger than the {self._limits.image_bytes} bytes taken here (--max-upload).")


def _data(address: str) -> bytes:
    header, comma, content = address.partition(",")
    try:
        if not comma:
            raise ValueError
        return base64.b64decode(content, validate=True) if header.endswith(";base64") else unquote_to_bytes(content)
    except (binascii.Error, ValueError):
        raise UserError("The data: address of the image is damaged.") from None
