"""Downloads from a server of the test's own: whole ones arrive, cut ones leave nothing that looks whole."""

import gzip
import hashlib
import io
import pickle
import tarfile
import threading
import urllib.request
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
import torchvision.datasets as published

from pruning.data import cifar10, load
from pruning.data.idx import FILES
from pruning.errors import UserError
from pruning.spec import DataSettings


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A folder and the address at which it is served, past any proxy."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(urllib.request, "_opener", None)  # it remembers the proxies of its first use
    folder = tmp_path / "site"
    folder.mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield folder, f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


def md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def idx(array) -> bytes:
    sizes = b"".join(n.to_bytes(4, "big") for n in array.shape)
    return bytes([0, 0, 8, array.ndim]) + sizes + array.astype(np.uint8).tobytes()


def publish_mnist(site, monkeypatch) -> None:
    """Twenty black images of each part, at the address where torchvision looks."""
    folder, address = site
    arrays = [np.zeros((20, 28, 28)), np.arange(20) % 10] * 2
    packed = {f"{name}.gz": gzip.compress(idx(array)) for name, array in zip(FILES, arrays, strict=True)}
    for name, content in packed.items():
        (folder / name).write_bytes(content)
    monkeypatch.setattr(published.MNIST, "mirrors", [address])
    monkeypatch.setattr(published.MNIST, "resources", [(name, md5(content)) for name, content in packed.items()])


def publish_cifar(site, monkeypatch) -> None:
    """Ten black photos in each batch file, at the address where torchvision looks."""
    folder, address = site
    batch = pickle.dumps({"data": np.zeros((10, 3072), np.uint8), "labels": list(range(10))})
    files = dict.fromkeys(cifar10.FILES, batch) | {"batches.meta": pickle.dumps({"label_names": cifar10.CLASSES})}
    with tarfile.open(folder / published.CIFAR10.filename, "w:gz") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(f"{cifar10.FOLDER}/{name}")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    monkeypatch.setattr(published.CIFAR10, "url", address + published.CIFAR10.filename)
    monkeypatch.setattr(published.CIFAR10, "tgz_md5", md5((folder / published.CIFAR10.filename).read_bytes()))
    monkeypatch.setattr(published.CIFAR10, "train_list", [[f"data_batch_{i}", md5(batch)] for i in range(1, 6)])
    monkeypatch.setattr(published.CIFAR10, "test_list", [["test_batch", md5(batch)]])
    meta = {"filename": "batches.meta", "key": "label_names", "md5": md5(files["batches.meta"])}
    monkeypatch.setattr(published.CIFAR10, "meta", meta)


PUBLISH = {"mnist": (publish_mnist, "MNIST/raw"), "cifar10": (publish_cifar, cifar10.FOLDER)}


@pytest.mark.parametrize("name", PUBLISH)
def test_a_download_arrives_whole_and_is_made_once(name, site, tmp_path, monkeypatch):
    publish, inside = PUBLISH[name]
    publish(site, monkeypatch)
    monkeypatch.setenv("PRUNING_DATA", str(tmp_path / "data"))
    first = load(DataSettings(name=name))
    assert first.test_x.shape == {"mnist": (20, 1, 28, 28), "cifar10": (10, 3, 32, 32)}[name]
    assert not list((tmp_path / "data" / inside).glob(".download-*"))
    for file in site[0].iterdir():
        file.unlink()
    assert np.array_equal(load(DataSettings(name=name)).train_y, first.train_y)


@pytest.mark.parametrize("name", PUBLISH)
def test_a_cut_download_is_told_and_leaves_nothing(name, site, tmp_path, monkeypatch):
    publish, inside = PUBLISH[name]
    publish(site, monkeypatch)
    last = max(site[0].iterdir(), key=lambda file: file.name)
    last.write_bytes(last.read_bytes()[:-9])
    monkeypatch.setenv("PRUNING_DATA", str(tmp_path / "data"))
    with pytest.raises(UserError, match="could not be downloaded") as caught:
        load(DataSettings(name=name))
    assert str(tmp_path / "data" / inside) in caught.value.do
    assert list((tmp_path / "data" / inside).iterdir()) == []
