"""ResNet-20/56/110 for CIFAR-10 with option-A shortcuts (He et al. 2016, section 4.2); parameter names fit the public checkpoints."""

import torch.nn.functional as F
from torch import Tensor, nn


class Block(nn.Module):
    """Two 3×3 convolutions; a narrower input is subsampled and padded with zero channels (option A: no parameters)."""

    def __init__(self, inputs: int, filters: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, filters, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(filters)
        self.conv2 = nn.Conv2d(filters, filters, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(filters)
        self.stride = stride
        self.pad = (filters - inputs) // 2

    def forward(self, x: Tensor) -> Tensor:
        out = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        if self.pad:
            x = F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, self.pad, self.pad))
        return F.relu(out + x)


class ResNetCifar(nn.Module):
    """Three stages of `blocks` blocks with 16, 32 and 64 filters: depth 6 × blocks + 2."""

    def __init__(self, in_channels: int, num_classes: int, image_size: int, blocks: int = 9) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, 16, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.layer1 = stage(16, 16, blocks, stride=1)
        self.layer2 = stage(16, 32, blocks, stride=2)
        self.layer3 = stage(32, 64, blocks, stride=2)
        self.linear = nn.Linear(64, num_classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(module.weight)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        logits: Tensor = self.linear(x.mean((2, 3)))
        return logits


def stage(inputs: int, filters: int, blocks: int, *, stride: int) -> nn.Sequential:
    """The first block changes width and resolution, the others keep them."""
    rest = (Block(filters, filters, 1) for _ in range(blocks - 1))
    return nn.Sequential(Block(inputs, filters, stride), *rest)
