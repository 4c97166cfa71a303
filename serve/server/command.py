"""From the options of `swsss-serve` to its settings."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from swsss.errors import UserError
from swsss.serve.models import newest_run
from swsss.serve.server.settings import LIMIT_UNITS, MIB, Limits, Settings

_LIMITS = tuple(field.name for field in fields(Limits))


def settings_of(options: Mapping[str, Any]) -> Settings:
    """Read the options, and the environment variables SWSSS_TOKEN and LABEL_STUDIO_API_KEY.

    Without a model the newest run's labels.

    Raises:
        UserError: Two models have one name, there is none, or the token's file cannot be read or is empty.
    """
    same = (
        *("folder", "root", "data", "host", "port", "device", "threads", "batch", "workers", "jobs", "label_studio"),
        *("root_path", "keep_days"),
    )
    return Settings(
        models=_models(options["models"] or ([] if options["folder"] else [str(newest_run())])),
        token=_token(options["token_file"]),
        hosts=tuple(options["hosts"]),
        trusted_proxies=tuple(options["trusted_proxies"]),
        origins=tuple(options["origins"]),
        memory_bytes=int((options["max_memory"] or 0) * 1024 * MIB),
        batch_seconds=options["batch_wait"] / 1000,
        label_studio_key=os.environ.get("LABEL_STUDIO_API_KEY", ""),
        limits=Limits(**{name: options[name] * LIMIT_UNITS.get(name, 1) for name in _LIMITS}),
        **{name: options[name] for name in same},
    )


def _models(given: Sequence[str]) -> dict[str, Path]:
    models: dict[str, Path] = {}
    for text in given:
        name, equals, path = text.partition("=")
        if not equals or os.sep in name:
            name, path = Path(text).stem, text
        if name in models:
            raise UserError(f"Two models are called '{name}'; name one with --model NAME={path}.")
        models[name] = Path(path)
    return models


def _token(file: Path | None) -> str:
    if file is None:
        given = os.environ.get("SWSSS_TOKEN", "")
        if given and not given.strip():
            # Whoever sets it wants a token to be asked for.
            raise UserError(
                "SWSSS_TOKEN holds only white space; set this environment variable to a token, or unset it."
            )
        return given.strip()
    try:
        token = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"--token-file {file} cannot be read: {getattr(error, 'strerror', None) or error}.") from None
    if not token:
        raise UserError(f"--token-file {file} is empty; write a token into it.")
    return token
