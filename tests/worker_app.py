"""The dashboard's own web process, which also works at experiments as tests.worker does."""

import os
import sys
import threading

from app import app
from lib.ui import session
from tests import worker


def _work() -> None:
    worker.work(session.service(), os.environ["WORKER_URL"], os.environ["WORKER_EXPERIMENT"], _tell)


def _tell(words: str) -> None:
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


threading.Thread(target=_work, daemon=True).start()
__all__ = ["app"]
