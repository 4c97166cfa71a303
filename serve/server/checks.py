"""What is wrong with the settings of a server, in sentences, before anything is loaded or written."""

import ipaddress
from urllib.parse import urlsplit

from swsss.errors import UserError
from swsss.serve.server.access import LOOPBACK, origins_of
from swsss.serve.server.forwarded import networks_of, prefix_of
from swsss.serve.server.gate import check_token
from swsss.serve.server.settings import Settings


def check_settings(settings: Settings) -> None:
    """See that a server can be started with these, before anything is loaded or written.

    Raises:
        UserError: One cannot be used, or a token is missing.
    """
    check_token(settings.token, _is_loopback(settings.host))
    networks_of(settings.trusted_proxies)
    origins_of(settings.origins)
    prefix_of(settings.root_path)
    _check_label_studio(settings.label_studio)
    if not settings.token and not _is_loopback(settings.host):
        raise UserError(
            f"--host {settings.host} lets other machines in, so a token is needed: set the environment variable "
            "SWSSS_TOKEN, or name a file with --token-file."
        )
    for option, folder in (("--root", settings.root), ("--models", settings.folder)):
        if folder is not None and not folder.is_dir():
            raise UserError(f"{option} {folder} is no folder.")


def _check_label_studio(address: str) -> None:
    try:
        parts = urlsplit(address)
        whole = parts.scheme in {"http", "https"} and parts.hostname is not None and (parts.port or 1) > 0
    except ValueError:
        whole = False
    if address and not whole:
        raise UserError(f"--label-studio {address} is not an address like http://localhost:8080.")


def _is_loopback(host: str) -> bool:
    if host in LOOPBACK:
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
