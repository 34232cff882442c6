"""Every data set of the registry keeps the contract; downloads, folders and damaged files are told in words."""

import io
import json
import subprocess
import sys
import urllib.request
import zipfile

import numpy as np
import pytest
from PIL import Image

from pruning.data import DATASETS, card, load, prepare
from pruning.data.cifar10 import FILES, FOLDER
from pruning.data.fashion_sample import FILE
from pruning.data.idx import read
from pruning.data.imagefolder import SIZE
from pruning.data.photos import pixels
from pruning.data.split import stratified, train_validation
from pruning.errors import UserError
from pruning.spec import DataSettings

OFFLINE = ("fashion-mnist-sample", "iris")
NEEDS_FILES = ("mnist", "fashion-mnist", "imagefolder")


def picture(colour, size=(40, 30), mode="RGB", kind="PNG", **options) -> bytes:
    buffer = io.BytesIO()
    Image.new(mode, size, colour).save(buffer, kind, **options)
    return buffer.getvalue()


def write(root, files: dict[str, bytes]) -> str:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    return str(root)


def photos(count=6) -> dict[str, bytes]:
    """Red cats and blue dogs, `count` of each for training and two for the test."""
    colours = {"cats": "red", "dogs": "blue"}
    numbers = {"train": count, "test": 2}
    return {
        f"{part}/{name}/{i}.png": picture(colour, (40 + i, 30))
        for part, n in numbers.items()
        for name, colour in colours.items()
        for i in range(n)
    }


def folder(root, image_size=32, **settings) -> DataSettings:
    return DataSettings(name="imagefolder", folder=str(root), image_size=image_size, **settings)


def check_contract(settings: DataSettings) -> None:
    """What every data set promises."""
    data, known = load(settings), DATASETS[settings.name]
    parts = [(data.train_x, data.train_y), (data.validation_x, data.validation_y), (data.test_x, data.test_y)]
    for x, y in parts:
        assert len(x) == len(y) > 0
        assert y.dtype == np.int64
        assert set(y) == set(range(len(data.classes)))
        assert x.dtype == (np.uint8 if data.image_size else np.float32)
    assert data.input_shape[0] == known.channels
    assert len(data.mean) == len(data.std) == (known.channels if data.image_size else 0)
    shown = prepare(settings)
    assert shown == card(settings) == json.loads(json.dumps(shown))
    assert [sum(shown["counts"][part]) for part in ("train", "validation", "test")] == [len(y) for _, y in parts]
    assert bool(shown["grid"]) == bool(data.image_size)


@pytest.mark.parametrize("name", OFFLINE)
def test_data_that_needs_no_download_keeps_the_contract(name):
    check_contract(DataSettings(name=name))


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist"])
def test_real_idx_files_keep_the_contract(name, real_data):
    check_contract(DataSettings(name=name))


def test_a_folder_keeps_the_contract(tmp_path):
    check_contract(folder(write(tmp_path / "photos", photos(10))))


def test_every_data_set_is_in_a_contract_test():
    assert set(DATASETS) == {*OFFLINE, *NEEDS_FILES, "cifar10"}


def test_the_registry_and_the_sample_card_need_no_torch():
    code = (
        "import sys; from pruning import data, spec; data.card(spec.DataSettings()); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_sample_is_stratified_and_small():
    data = load(DataSettings())
    assert np.bincount(data.train_y).tolist() == [540] * 10
    assert np.bincount(data.test_y).tolist() == [200] * 10
    assert FILE.stat().st_size < 5_000_000


def test_the_sample_is_drawn_from_fashion_mnist(real_data):
    full = load(DataSettings(name="fashion-mnist"))
    known = {image.tobytes() for image in full.test_x}
    assert all(image.tobytes() in known for image in load(DataSettings()).test_x)


def test_the_split_follows_its_seed_alone():
    first, again, other = (load(DataSettings(split_seed=seed)) for seed in (0, 0, 1))
    assert np.array_equal(first.validation_x, again.validation_x)
    assert not np.array_equal(first.validation_x, other.validation_x)
    assert np.array_equal(first.test_x, other.test_x)


def test_training_and_validation_rows_are_apart_and_complete():
    y = np.random.default_rng(0).integers(0, 3, 100)
    train, held = train_validation(y, share=0.25, limit=0, seed=0)
    assert sorted([*train, *held]) == list(range(100))
    assert len(held) == 25


def test_a_limit_keeps_the_classes_shares():
    y = np.repeat([0, 1, 2], [600, 300, 100])
    assert np.bincount(y[stratified(y, 50, 0)]).tolist() == [30, 15, 5]


def test_too_few_images_are_told():
    with pytest.raises(UserError, match="leave none to train on"):
        load(DataSettings(limit=1))


def test_images_are_resized_once_to_the_size_asked_for():
    data = load(DataSettings(image_size=32, limit=100))
    assert data.train_x.shape == (90, 1, 32, 32)
    assert data.input_shape == (1, 32, 32)


def test_iris_refuses_an_image_size():
    with pytest.raises(UserError, match="rows of features"):
        load(DataSettings(name="iris", image_size=28))


def test_iris_features_are_standardised():
    data = load(DataSettings(name="iris"))
    x = np.concatenate([data.train_x, data.validation_x])
    assert np.allclose(x.mean(0), 0, atol=1e-5)
    assert np.allclose(x.std(0), 1, atol=1e-5)
    assert len(data.test_x) == 30


def test_an_unknown_name_is_told_with_the_known_ones():
    with pytest.raises(UserError, match="not one of fashion-mnist-sample") as caught:
        load(DataSettings(name="fashion-mnits"))
    assert "fashion-mnist" in caught.value.do


def idx(shape, content: bytes) -> bytes:
    return bytes([0, 0, 8, len(shape)]) + b"".join(n.to_bytes(4, "big") for n in shape) + content


def test_an_idx_file_is_read_as_its_header_says(tmp_path):
    path = tmp_path / "images"
    path.write_bytes(idx((2, 1, 3), bytes(range(6))))
    assert read(path).tolist() == [[[0, 1, 2]], [[3, 4, 5]]]


@pytest.mark.parametrize(
    ("content", "words"),
    [(idx((2, 3), bytes(5)), "its header says 18"), (b"<html>", "not an idx file"), (b"\0\0\x08\x03\0", "header")],
)
def test_a_damaged_idx_file_is_named(tmp_path, content, words):
    path = tmp_path / "train-images-idx3-ubyte"
    path.write_bytes(content)
    with pytest.raises(UserError, match=f"train-images-idx3-ubyte is damaged.*{words}"):
        read(path)


def test_a_truncated_file_in_the_data_folder_is_named(tmp_path, monkeypatch, real_data):
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for file in (real_data / "MNIST" / "raw").glob("*ubyte"):
        (raw / file.name).symlink_to(file)
    (raw / "t10k-images-idx3-ubyte").unlink()
    (raw / "t10k-images-idx3-ubyte").write_bytes((real_data / "MNIST/raw/t10k-images-idx3-ubyte").read_bytes()[:9999])
    monkeypatch.setenv("PRUNING_DATA", str(tmp_path))
    with pytest.raises(UserError, match="t10k-images-idx3-ubyte is damaged: it has 9,999 bytes") as caught:
        load(DataSettings(name="mnist"))
    assert str(raw) in caught.value.do


def offline(monkeypatch) -> None:
    """Send every download to a port where nobody listens, whatever connection this machine has."""
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "")
    monkeypatch.setattr(urllib.request, "_opener", None)  # it remembers the proxies of its first use


@pytest.mark.parametrize(
    ("name", "inside"),
    [("mnist", "MNIST/raw"), ("fashion-mnist", "FashionMNIST/raw"), ("cifar10", "cifar-10-batches-py")],
)
def test_without_a_connection_the_folder_and_the_files_are_named(name, inside, tmp_path, monkeypatch):
    offline(monkeypatch)
    monkeypatch.setenv("PRUNING_DATA", str(tmp_path / "data"))
    with pytest.raises(UserError, match="could not be downloaded") as caught:
        load(DataSettings(name=name))
    assert str(tmp_path / "data" / inside) in caught.value.do
    assert "fashion-mnist-sample needs no download" in caught.value.do
    assert list((tmp_path / "data" / inside).iterdir()) == []  # nothing half


def test_a_damaged_cifar_file_is_named(tmp_path, monkeypatch):
    write(tmp_path / FOLDER, dict.fromkeys(FILES, b"cut short"))
    monkeypatch.setenv("PRUNING_DATA", str(tmp_path))
    with pytest.raises(UserError, match=r"data_batch_1, .*damaged or cut short"):
        load(DataSettings(name="cifar10"))


def test_a_zip_file_reads_like_its_folder(tmp_path):
    write(tmp_path / "photos", photos())
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as archive:
        for name, content in sorted(photos().items()):
            archive.writestr(f"my photos/{name}", content)
    plain, packed = load(folder(tmp_path / "photos")), load(folder(tmp_path / "photos.zip"))
    assert np.array_equal(plain.train_x, packed.train_x)
    assert np.array_equal(plain.test_y, packed.test_y)


@pytest.mark.parametrize(
    ("content", "colour"),
    [
        (picture(200, mode="L"), (200, 200, 200)),
        (picture(200 << 8, mode="I;16"), (200, 200, 200)),
        (picture((255, 0, 0, 0), mode="RGBA"), (255, 255, 255)),  # transparent is shown on white
        (picture((0, 255, 255, 0), mode="CMYK", kind="JPEG"), (255, 0, 0)),
        (picture(7, mode="P", kind="GIF"), (7, 7, 7)),
    ],
    ids=["grey", "16 bit", "transparent", "CMYK", "palette"],
)
def test_photos_of_every_mode_become_rgb(content, colour):
    seen = pixels(content, 30)
    assert seen.shape == (3, 30, 30)
    assert np.abs(seen.mean((1, 2)) - colour).max() < 8


def test_photos_are_turned_upright():
    exif = Image.Exif()
    exif[0x0112] = 6  # its left side belongs at the top
    lying = Image.new("RGB", (60, 30), "red")
    lying.paste("blue", (0, 0, 30, 30))
    buffer = io.BytesIO()
    lying.save(buffer, "JPEG", exif=exif, quality=95)
    seen = pixels(buffer.getvalue(), 30)
    assert seen[2, 3].min() > 200 > 50 > seen[0, 3].max()
    assert seen[0, 26].min() > 200


def test_unreadable_photos_are_skipped_and_counted(tmp_path):
    files = photos() | {"train/cats/bad.jpg": b"no image", "train/dogs/cut.png": picture("red", (300, 300))[:60]}
    data = load(folder(write(tmp_path / "photos", files)))
    assert len(data.train_x) + len(data.validation_x) == 12
    assert data.notes == ("2 photos in train/ could not be read and were skipped.",)


def test_photos_that_are_all_unreadable_are_an_error(tmp_path):
    files = photos() | {f"train/cats/{i}.png": b"no image" for i in range(6)}
    with pytest.raises(UserError, match=r"none of the photos in train/ of cats can be read"):
        load(folder(write(tmp_path / "photos", files)))


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({f"train/{i}.png": b"" for i in range(214)}, "expected train/dogs/.*found 214 files directly in train/"),
        ({"train/cats/1.png": b"", "train/dogs/1.png": b""}, "no photos in test/"),
        ({"train/cats/1.png": b"", "test/cats/1.png": b""}, "only one class, cats"),
        (
            {"train/cats/1.png": b"", "train/owls/1.png": b"", "test/cats/1.png": b"", "test/dogs/1.png": b""},
            "only train has photos of owls; only test has photos of dogs",
        ),
    ],
)
def test_a_folder_of_another_shape_is_told(tmp_path, files, words):
    with pytest.raises(UserError, match=words):
        load(folder(write(tmp_path / "photos", files)))


@pytest.mark.parametrize(("given", "words"), [("", "no folder is named"), ("/nowhere", "neither a folder nor a ZIP")])
def test_a_missing_folder_is_told(given, words):
    with pytest.raises(UserError, match=words):
        load(DataSettings(name="imagefolder", folder=given))
    assert card(DataSettings(name="imagefolder", folder=given)) is None


def test_upper_case_part_names_are_understood(tmp_path):
    files = {name.replace("train", "Train").replace("test", "TEST"): content for name, content in photos().items()}
    assert load(folder(write(tmp_path / "photos", files))).classes == ("cats", "dogs")


def test_large_photos_stay_on_disk_somewhat_larger_than_the_network_sees(tmp_path):
    data = load(folder(write(tmp_path / "photos", photos()), image_size=0))
    assert data.input_shape == (3, SIZE, SIZE)
    assert data.train_x.shape[1:] == (3, 256, 256)
    assert data.train_x[:2].shape == (2, 3, 256, 256)


def test_photos_are_decoded_once_and_again_when_a_file_changes(tmp_path, runs):
    root = write(tmp_path / "photos", photos())
    seen: list[float] = []
    for _ in range(2):
        load(folder(root), lambda done, of: seen.append(done / of))
    assert seen == [i / 16 for i in range(1, 17)]
    write(tmp_path / "photos", {"train/cats/new.png": picture("green")})
    assert len(load(folder(root)).train_y) + len(load(folder(root)).validation_y) == 13


def test_a_stopped_decoding_leaves_nothing_half(tmp_path, runs):
    def stop(done, of):
        raise KeyboardInterrupt

    root = write(tmp_path / "photos", photos())
    with pytest.raises(KeyboardInterrupt):
        load(folder(root), stop)
    assert list((runs / "cache" / "photos").iterdir()) == []
    assert len(load(folder(root)).test_y) == 4


def test_what_a_killed_decoding_left_is_cleared_away(tmp_path, runs):
    dead = runs / "cache" / "photos" / ".key-32.99999999"
    dead.mkdir(parents=True)
    load(folder(write(tmp_path / "photos", photos())))
    assert not dead.exists()


def test_real_photos_load(real_data):
    shown = prepare(folder(real_data / "dogs-vs-cats", limit=200))
    assert shown["classes"] == ["cats", "dogs"]
    assert (shown["train"], shown["validation"], shown["test"]) == (180, 20, 400)


def test_the_sample_grid_has_four_rows_and_a_column_a_class():
    with Image.open(card(DataSettings())["grid"]) as image:
        assert image.size == (10 * 84 + 9 * 2, 4 * 84 + 3 * 2)
