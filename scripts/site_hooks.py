"""Hooks of the site: formulas become MathML, and nothing is fetched from elsewhere.

mkdocs.yml names this file. MathML is shown by browsers themselves, without a script.
"""

from __future__ import annotations

import html
import re
from typing import Any

from latex2mathml.converter import convert
from mkdocs.exceptions import PluginError

FORMULA = re.compile(
    r'<(?P<tag>span|div) class="arithmatex">\s*\\[(\[](?P<tex>.*?)\\[)\]]\s*</(?P=tag)>', re.DOTALL
)

CELL = re.compile(r"<td[^>]*>.*?</td>", re.DOTALL)

FETCHED = re.compile(
    r"<(?:script|img|iframe|source|video)\b[^>]*\bsrc=[\"']?(?:https?:)?//"
    r"|<link\b[^>]*\bhref=[\"']?(?:https?:)?//"
)
"""What a browser would fetch from elsewhere."""


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
