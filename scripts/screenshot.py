"""Take the picture of a run's page that README and site show.

    .venv/bin/python scripts/screenshot.py [RUN] [PICTURE.png] [--selector CSS]

Without words it takes ``runs/ieee94`` (``scripts/plan`` makes it) to ``docs/page.png``. It needs a
Chromium and playwright, which the extra ``dev`` has.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = ["--no-sandbox", "--disable-gpu", "--enable-unsafe-swiftshader", "--hide-scrollbars"]
MOST_BYTES = 300_000


def main() -> None:
    """Open the page, wait until all is drawn, and take its first screen."""
    words = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    words.add_argument("run", nargs="?", type=Path, default=ROOT / "runs" / "ieee94")
    words.add_argument("picture", nargs="?", type=Path, default=ROOT / "docs" / "page.png")
    words.add_argument("--width", type=int, default=1240, help="of the window, pixels")
    words.add_argument("--height", type=int, default=1000)
    words.add_argument("--at", help="CSS of what to scroll to and to point at")
    given = words.parse_args()
    page = given.run if given.run.suffix == ".html" else given.run / "report.html"
    if not page.is_file():
        sys.exit(f"{page} is not there; scripts/plan writes runs/ieee94, or name another run")
    take(page.resolve(), given.picture, (given.width, given.height), given.at)
    size = given.picture.stat().st_size
    print(f"{given.picture}: {size} bytes")
    if size > MOST_BYTES:
        sys.exit(f"the picture is larger than {MOST_BYTES} bytes; take a smaller window")


def take(page: Path, picture: Path, size: tuple[int, int], at: str | None) -> None:
    """Write a picture of a page's first screen, or of what a selector finds."""
    browser = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if browser is None:
        sys.exit(f"no browser: install one of {', '.join(BROWSERS)}")
    try:
        from playwright.sync_api import sync_playwright
    except ModuleNotFoundError:
        sys.exit("no playwright: scripts/setup installs it (the extra dev)")
    with sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=browser, args=FLAGS)
        shown = started.new_page(viewport={"width": size[0], "height": size[1]})
        shown.goto(page.as_uri())
        if page.name == "report.html":
            shown.wait_for_selector("html[data-drawn=yes]", state="attached", timeout=300_000)
        if at is not None:
            shown.locator(at).first.scroll_into_view_if_needed()
            shown.locator(at).first.hover()
            shown.wait_for_timeout(500)
        picture.parent.mkdir(parents=True, exist_ok=True)
        shown.screenshot(path=str(picture))
        started.close()


if __name__ == "__main__":
    main()
