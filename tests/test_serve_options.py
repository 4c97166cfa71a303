"""Every limit of `swsss-serve` can be set by whoever runs it."""

from dataclasses import fields, replace

import pytest
from commands import invoke

from swsss.serve.server import running
from swsss.serve.server.settings import LIMIT_UNITS, Limits

OPTIONS = {
    "image_bytes": "--max-upload",
    "json_bytes": "--max-json",
    "archive_bytes": "--max-archive",
    "archive_members": "--max-archive-files",
    "pixels": "--max-pixels",
    "requests": "--queue",
    "connections": "--max-connections",
    "most_jobs": "--max-jobs",
    "header_seconds": "--header-timeout",
    "downloads": "--max-downloads",
    "slowest_reader_seconds": "--reader-timeout",
    "slowest_body": "--min-upload-rate",
}


@pytest.fixture
def settings_of(monkeypatch, tmp_path):
    """The settings that a command line leads to."""

    def read(*options: object):
        started = []
        monkeypatch.setattr(running, "run", lambda settings, tell: started.append(settings))
        result = invoke("swsss-serve", "--model", tmp_path / "model.onnx", *options)
        assert result.exit_code == 0, result.output
        return started[0]

    return read


def test_limits__usual(settings_of):
    assert settings_of().limits == Limits()


@pytest.mark.parametrize("name", [field.name for field in fields(Limits)])
def test_limits__each_has_an_option(settings_of, name):
    limits = settings_of(OPTIONS[name], 3).limits
    assert limits == replace(Limits(), **{name: 3 * LIMIT_UNITS.get(name, 1)})
    assert OPTIONS[name] in invoke("swsss-serve", "--help").output


@pytest.mark.parametrize("option", OPTIONS.values())
def test_limits__none_is_zero(option):
    result = invoke("swsss-serve", option, 0)
    assert result.exit_code == 2
    assert option in result.output
