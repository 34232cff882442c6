"""How much faster the in-memory batch path is than torchvision's data set + transforms + DataLoader, interleaved.

    python -m benchmarks.data_path [--photos FOLDER] [--rounds 5]

Small images: the bundled sample at 32 × 32, crop and flip, batches of 128. Photos: FOLDER (train/CLASS/*, test/CLASS/*) at 224,
random resized crop and flip, batches of 32, against torchvision's ImageFolder.
"""

import argparse
import os
import platform
import statistics
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset
from torchvision.datasets import ImageFolder
from torchvision.transforms import v2

from pruning.data import load
from pruning.data.batches import batches
from pruning.data.dataset import Dataset as Arrays
from pruning.spec import Augment, DataSettings


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=Path, help="a folder with train/CLASS/* and test/CLASS/*")
    parser.add_argument("--rounds", type=int, default=5)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, torch {torch.__version__}, 1 thread")
    small = load(DataSettings(image_size=32))
    compare("small images", lambda: ours(small, 128), lambda: per_image(small), chosen.rounds)
    if chosen.photos:
        large = load(DataSettings(name="imagefolder", folder=str(chosen.photos), limit=320))
        folder = ImageFolder(chosen.photos / "train", photo_transform(large))
        indices = torch.randperm(len(folder), generator=torch.Generator().manual_seed(0))[: len(large.train_y)]
        subset = torch.utils.data.Subset(folder, indices.tolist())
        compare("photos", lambda: ours(large, 32), lambda: DataLoader(subset, 32, shuffle=True), chosen.rounds)


def compare(title: str, fast: Callable[[], Iterable], slow: Callable[[], Iterable], rounds: int) -> None:
    """Time both in turn and print the ratio of images a second: median, spread, n."""
    ratios = []
    for _ in range(rounds + 1):
        ours_each, theirs_each = seconds_per_image(fast()), seconds_per_image(slow())
        ratios.append(theirs_each / ours_each)
    ratios = ratios[1:]  # the first round warms up
    middle, low, high = statistics.median(ratios), min(ratios), max(ratios)
    print(f"{title}: {middle:.1f}× faster (n={len(ratios)}, {low:.1f} … {high:.1f}); {ours_each * 1e6:.1f} µs an image")


def seconds_per_image(loader: Iterable) -> float:
    started, images = time.perf_counter(), 0
    for x, _ in loader:
        images += len(x)
    return (time.perf_counter() - started) / images


def ours(data: Arrays, size: int) -> Iterable:
    options = {"mean": data.mean, "std": data.std, "image_size": data.image_size, "augment": Augment.CROP_FLIP}
    return batches(data.train_x, data.train_y, size=size, seed=0, epoch=0, device="cpu", shuffle=True, **options)


class PerImage(Dataset):
    """What torchvision's small data sets do: one PIL image and its transforms at a time."""

    def __init__(self, data: Arrays) -> None:
        self.data = data
        self.transform = v2.Compose(
            [v2.RandomCrop(32, padding=4), v2.RandomHorizontalFlip(), *to_tensor(data.mean, data.std)]
        )

    def __len__(self) -> int:
        return len(self.data.train_y)

    def __getitem__(self, i: int) -> tuple[torch.Tensor, int]:
        return self.transform(Image.fromarray(self.data.train_x[i][0])), int(self.data.train_y[i])


def per_image(data: Arrays) -> Iterable:
    return DataLoader(PerImage(data), 128, shuffle=True)


def photo_transform(data: Arrays) -> v2.Compose:
    return v2.Compose([v2.RandomResizedCrop(224), v2.RandomHorizontalFlip(), *to_tensor(data.mean, data.std)])


def to_tensor(mean: tuple[float, ...], std: tuple[float, ...]) -> list[torch.nn.Module]:
    return [v2.ToImage(), v2.ToDtype(torch.float32, scale=True), v2.Normalize(mean, std)]


if __name__ == "__main__":
    main()
