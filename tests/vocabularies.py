"""Put tiktoken's real vocabularies into a folder, as data out of a pinned package; no code of it runs.

    python tests/vocabularies.py FOLDER

The files are named as tiktoken's cache names them, and tiktoken checks their sha256 when it loads them.
"""

import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

PACKAGE = "litellm==1.109.1"
INSIDE = "litellm/litellm_core_utils/tokenizers/"


def fetch(folder: Path) -> list[Path]:
    """Download the package's wheel and unpack its vocabularies; returns the files."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "-d", scratch, PACKAGE]
        subprocess.run(command, check=True)
        wheel = next(Path(scratch).glob("*.whl"))
        with zipfile.ZipFile(wheel) as archive:
            return [_unpack(archive, name, folder) for name in archive.namelist() if _is_vocabulary(name)]


def _is_vocabulary(name: str) -> bool:
    base = name.removeprefix(INSIDE)
    return name.startswith(INSIDE) and len(base) == 40 and set(base) <= set("0123456789abcdef")


def _unpack(archive: zipfile.ZipFile, name: str, folder: Path) -> Path:
    target = folder / Path(name).name
    target.write_bytes(archive.read(name))
    return target


if __name__ == "__main__":
    found = fetch(Path(sys.argv[1]))
    sys.exit(None if len(found) >= 3 else f"Only {len(found)} vocabularies found in {PACKAGE}.")
