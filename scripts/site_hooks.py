"""Hooks of the site: formulas become MathML, nothing is fetched, what is to come leaves the menu.

mkdocs.yml names this file. MathML is shown by browsers themselves, without a script.
"""

from __future__ import annotations

import html
import re
from pathlib import Path
from typing import Any

from latex2mathml.converter import convert
from mkdocs.exceptions import PluginError

COMING = frozenset(
    {
        "response.md",
        "response_exact.md",
        "response_heuristics.md",
        "study.md",
        "examples/response_of_homes.md",
        "examples/study_of_days.md",
    }
)
"""Pages of the menu that need not be there."""

FORMULA = re.compile(
    r'<(?P<tag>span|div) class="arithmatex">\s*\\[(\[](?P<tex>.*?)\\[)\]]\s*</(?P=tag)>', re.DOTALL
)

CELL = re.compile(r"<td[^>]*>.*?</td>", re.DOTALL)

FETCHED = re.compile(
    r"<(?:script|img|iframe|source|video)\b[^>]*\bsrc=[\"']?(?:https?:)?//"
    r"|<link\b[^>]*\bhref=[\"']?(?:https?:)?//"
)
"""What a browser would fetch from elsewhere."""


def on_config(config: Any) -> Any:
    """Leave pages out of the menu that are still to come."""
    config["nav"] = _there(config["nav"], Path(config["docs_dir"]))
    return config


def on_page_content(text: str, **_: Any) -> str:
    """Return a page with its formulas as MathML, and bars in the code of tables as bars."""
    text = CELL.sub(lambda found: found[0].replace("\\|", "|"), text)
    return FORMULA.sub(_mathml, text)


def on_post_page(output: str, page: Any, **_: Any) -> str:
    """Return a page as it is; PluginError where a browser would fetch something for it."""
    found = FETCHED.search(output)
    if found:
        raise PluginError(f"{page.file.src_uri}: fetches from elsewhere: {found[0]}")
    return output


def _mathml(found: re.Match[str]) -> str:
    display = "inline" if found["tag"] == "span" else "block"
    return str(convert(html.unescape(found["tex"]).strip(), display=display))


def _there(items: list[Any], docs: Path) -> list[Any]:
    """Return a menu without the pages that are still to come."""
    kept: list[Any] = []
    for item in items:
        if isinstance(item, dict):
            kept += [{name: _there(inner, docs)} for name, inner in item.items()]
        elif item not in COMING or (docs / item).is_file():
            kept.append(item)
    return kept
