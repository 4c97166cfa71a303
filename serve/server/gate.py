"""What lets a client in: the token, the cookie of a session; and how often wrong ones may be tried."""

import base64
import binascii
import hashlib
import hmac
import ipaddress
import time
from collections import OrderedDict, deque
from enum import Enum
from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.responses import Response

from swsss.errors import UserError
from swsss.serve.server.forwarded import prefix_of
from swsss.serve.server.problems import Refused
from swsss.serve.server.settings import Settings

SHORTEST_TOKEN = 16
"""Characters of a token that is asked of other machines."""

_TRIES = 10
_TRIES_SECONDS = 60.0
_MOST_ADDRESSES = 10_000


class Given(Enum):
    """What a request brings to be let in with."""

    RIGHT = "right"
    WRONG = "wrong"
    NOTHING = "nothing"


def check_token(token: str, loopback: bool) -> None:
    """See that a token can be used as one.

    Args:
        token: Without white space around it; "" for none.
        loopback: Whether only this machine can ask.

    Raises:
        UserError: It cannot be sent in a header, or could be guessed from another machine.
    """
    if not (token.isascii() and token.isprintable()):
        raise UserError("The token holds a character that is not printable ASCII; use letters, digits and '-_.'.")
    if token and not loopback and len(token) < SHORTEST_TOKEN:
        raise UserError(
            f"The token has {len(token)} characters, and other machines may try to guess it; use at least "
            f"{SHORTEST_TOKEN}, for example from: openssl rand -hex 16"
        )


class Throttle:
    """Counts wrong tokens by address, of the addresses that were seen last."""

    def __init__(self, tries: int = _TRIES, seconds: float = _TRIES_SECONDS, addresses: int = _MOST_ADDRESSES) -> None:
        self._tries, self._seconds, self._most = tries, seconds, addresses
        self._wrong: OrderedDict[str, deque[float]] = OrderedDict()

    def wrong(self, address: str) -> float:
        """Note a wrong token.

        Returns:
            Seconds until this address may try again; 0 when it may now.
        """
        now, key = time.monotonic(), _neighbourhood(address)
        times = self._wrong.setdefault(key, deque(maxlen=self._tries))
        self._wrong.move_to_end(key)
        if len(self._wrong) > self._most:
            self._wrong.popitem(last=False)
        if len(times) == self._tries and (left := self._seconds - (now - times[0])) > 0:
            return left
        times.append(now)
        return 0.0


class Gate:
    """Knows the token.

    Args:
        settings: The token, and what tells this server's cookie from those of others on the same host.
    """

    def __init__(self, settings: Settings) -> None:
        self.token = settings.token
        self._session = hmac.new(self.token.encode(), b"swsss session", hashlib.sha256).hexdigest()
        # Cookies do not know of ports: two servers on one host would log each other's users out.
        place = f"{settings.port}\n{settings.root_path}\n{settings.data.resolve()}"
        self.cookie = f"swsss_session_{hashlib.sha256(place.encode(errors='replace')).hexdigest()[:8]}"
        self.path = prefix_of(settings.root_path) or "/"
        self._throttle = Throttle()

    def judge(self, headers: Headers, cookies: bool) -> Given:
        """What a request brings.

        Args:
            headers: Of the request.
            cookies: Whether cookies count: not from a page of another site.
        """
        kind, _, given = headers.get("authorization", "").partition(" ")
        token = {"bearer": given.strip(), "basic": _password_of(given)}.get(kind.lower(), "")
        session = _cookie_of(headers, self.cookie) if cookies else ""
        right = [_same(token, self.token), _same(session, self._session)]
        if any(right):
            return Given.RIGHT
        return Given.WRONG if token or session else Given.NOTHING

    def refuse_wrong(self, client: str) -> Refused:
        """The answer to a wrong token (401), or to one too many from an address (429)."""
        left = self._throttle.wrong(client)
        if not left:
            gone = f"{self.cookie}=; Max-Age=0; Path={self.path}; HttpOnly; SameSite=strict"
            return Refused(
                HTTPStatus.UNAUTHORIZED,
                "This is not the token this server was started with (SWSSS_TOKEN or --token-file).",
                {"WWW-Authenticate": "Bearer", "Set-Cookie": gone},
            )
        again = str(max(1, round(left)))
        return Refused(
            HTTPStatus.TOO_MANY_REQUESTS,
            f"Too many wrong tokens came from this address; try again in {again} s.",
            {"Retry-After": again},
        )

    def open_session(self, given: str, client: str, response: Response, secure: bool) -> None:
        """Give a client with the right token a cookie.

        Args:
            given: What it gave as token.
            client: Its address.
            response: Gets the cookie.
            secure: Whether the browser talks TLS, so that the cookie goes no other way.

        Raises:
            Refused: The token is wrong (401), or one wrong too many (429).
        """
        if self.token and not _same(given.strip(), self.token):
            raise self.refuse_wrong(client)
        response.set_cookie(self.cookie, self._session, path=self.path, httponly=True, samesite="strict", secure=secure)


def _same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode(errors="replace"), expected.encode())


def _neighbourhood(address: str) -> str:
    """What one client has: an IPv4 address, or the 64 bits of a network that come with every IPv6 address."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address[:64]
    return str(ipaddress.ip_network((parsed, 64), strict=False)) if parsed.version == 6 else str(parsed)


def _password_of(encoded: str) -> str:
    try:
        return base64.b64decode(encoded, validate=True).decode().partition(":")[2]
    except (binascii.Error, ValueError):
        return ""


def _cookie_of(headers: Headers, name: str) -> str:
    # Ours is never quoted; Python's own reader takes seconds for a long quoted one (CVE-2024-7592).
    pairs = (cookie.partition("=") for cookie in headers.get("cookie", "").split(";"))
    return next((value.strip() for key, _, value in pairs if key.strip() == name), "")
