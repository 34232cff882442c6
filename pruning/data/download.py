"""Downloads that are whole or not there: fetched into a folder beside the target, checked, then renamed."""

import os
import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError

from pruning.errors import UserError

TIMEOUT = 60.0  # seconds without a byte


def into(folder: Path, files: list[str], fetch: Callable[[Path], Path], *, title: str) -> None:
    """Call `fetch(temporary)`, which downloads, checks and says where the files lie; then move `files` into `folder`.

    Raises UserError that names the folder and the files when the network or the disk fails.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".download-", dir=folder) as temporary, _timeout():
            fetched = fetch(Path(temporary))
            for name in files:
                os.replace(fetched / name, folder / name)
    except (
        OSError,
        EOFError,
        RuntimeError,
    ) as error:  # URLError and BadGzipFile are OSErrors, a wrong md5 RuntimeError
        raise UserError(
            f"{title} could not be downloaded: {in_words(error)}",
            do=f"Put {', '.join(files)} into {folder}, or try again with a connection;"
            " fashion-mnist-sample needs no download.",
        ) from error


def in_words(error: BaseException) -> str:
    """Why a download failed, without the wrapping of the libraries."""
    reason = error.reason if isinstance(error, URLError) else error
    if isinstance(reason, socket.gaierror):
        return "the server's name cannot be looked up, so there seems to be no connection"
    return str(reason) or type(reason).__name__


@contextmanager
def _timeout() -> Iterator[None]:
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(TIMEOUT)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
