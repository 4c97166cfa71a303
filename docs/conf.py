"""The documentation site: README, docs/ and what they link to, as they stand in the repository (`make docs`)."""

import tomllib
from pathlib import Path

_ROOT = Path(__file__).resolve().parent.parent
_PROJECT = tomllib.loads((_ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

project = "swsss"
version = release = _PROJECT["version"]
copyright = "the authors of swsss"

# The source folder is the repository, so that a link works on the site and in the repository alike.
root_doc = "docs/index"
include_patterns = ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "docs/**.md", "benchmarks/**.md"]
exclude_patterns = [".*", "build", "cpp", "demo", "dist", "runs", "**/node_modules", "swsss-serve"]

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence"]
autodoc_typehints = "description"
nitpicky = True

html_theme = "furo"
html_title = f"swsss {release}"
# Results of benchmarks are reached from the text, and not every language of a block has a lexer.
suppress_warnings = ["toc.not_included", "misc.highlighting_failure"]
