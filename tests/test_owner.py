import signal
import subprocess
import sys
from pathlib import Path

import pytest

from lib.errors import StoreError
from lib.owner import Owner

HOLD = """
import sys
from pathlib import Path
from lib.owner import Owner
owner = Owner(Path(sys.argv[1]))
print(owner.id, flush=True)
sys.stdin.read()
"""


def test_a_living_owner_is_not_dead(tmp_path: Path) -> None:
    one, two = Owner(tmp_path), Owner(tmp_path)
    assert one.dead([one.id, two.id]) == []
    two.close()
    assert one.dead([two.id]) == [two.id]
    one.close()


def test_an_owner_without_a_file_is_dead(tmp_path: Path) -> None:
    owner = Owner(tmp_path)
    assert owner.dead(["long-gone"]) == ["long-gone"]
    owner.close()


def test_a_killed_process_is_dead_at_once(tmp_path: Path) -> None:
    owner = Owner(tmp_path)
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parent.parent,
    ) as other:
        assert other.stdout is not None
        id = other.stdout.readline().strip()
        assert owner.dead([id]) == []
        other.send_signal(signal.SIGKILL)
        other.wait()
        assert owner.dead([id]) == [id]
    assert not (tmp_path / "owners" / f"{id}.lock").exists()
    owner.close()


def test_a_folder_without_locks_is_refused(tmp_path: Path) -> None:
    (tmp_path / "owners").write_text("a file")
    with pytest.raises(StoreError, match="No lock"):
        Owner(tmp_path)
