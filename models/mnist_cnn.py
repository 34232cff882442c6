"""The MNIST networks of document 000: one or two small convolutions and one linear layer."""

import torch.nn.functional as F
from torch import Tensor, nn


class MnistCNN(nn.Module):
    """conv 3×3 → ReLU → conv 3×3 → ReLU → max pool 2 → linear; the convolutions have no bias."""

    def __init__(self, in_channels: int, num_classes: int, image_size: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, 8, 3, bias=False)
        self.conv2 = nn.Conv2d(8, 4, 3, bias=False)
        self.fc = nn.Linear(4 * ((image_size - 4) // 2) ** 2, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.conv2(F.relu(self.conv1(x))))
        logits: Tensor = self.fc(F.max_pool2d(x, 2).flatten(1))
        return logits


class MnistCNNSmall(nn.Module):
    """conv 3×3 → ReLU → max pool 2 → linear."""

    def __init__(self, in_channels: int, num_classes: int, image_size: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, 4, 3)
        self.fc = nn.Linear(4 * ((image_size - 2) // 2) ** 2, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.fc(F.max_pool2d(F.relu(self.conv(x)), 2).flatten(1))
        return logits
