"""VGG-16 for CIFAR-10 as pruned by Li et al. 2017 (Pruning Filters for Efficient ConvNets, Table 2)."""

import torch.nn.functional as F
from torch import Tensor, nn

STAGES = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))


class VGG16Cifar(nn.Module):
    """conv1 … conv13, each with batch norm and ReLU, a max pool after every stage, then 512 units with batch norm."""

    def __init__(self, in_channels: int, num_classes: int, image_size: int) -> None:
        super().__init__()
        width = in_channels
        for number, filters in enumerate(sum(STAGES, ()), start=1):
            self.add_module(f"conv{number}", nn.Conv2d(width, filters, 3, padding=1))
            self.add_module(f"bn{number}", nn.BatchNorm2d(filters))
            width = filters
        self.fc1 = nn.Linear(width * (image_size // 32) ** 2, 512)
        self.bn_fc1 = nn.BatchNorm1d(512)
        self.fc2 = nn.Linear(512, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        number = 0
        for stage in STAGES:
            for _ in stage:
                number += 1
                x = F.relu(self.get_submodule(f"bn{number}")(self.get_submodule(f"conv{number}")(x)))
            x = F.max_pool2d(x, 2)
        logits: Tensor = self.fc2(F.relu(self.bn_fc1(self.fc1(x.flatten(1)))))
        return logits
