"""SCNNB, a shallow network with batch norm (document 004): same padding as in the paper, valid as in the document's code."""

import torch.nn.functional as F
from torch import Tensor, nn


class SCNNB(nn.Module):
    """Twice (conv 3×3 → batch norm → ReLU → max pool 2), then 1280 units, dropout and the classes."""

    def __init__(self, in_channels: int, num_classes: int, image_size: int, padding: int = 1) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(in_channels, 32, 3, padding=padding), nn.BatchNorm2d(32)
        self.conv2, self.bn2 = nn.Conv2d(32, 64, 3, padding=padding), nn.BatchNorm2d(64)
        side = image_size
        for _ in range(2):
            side = (side - 2 + 2 * padding) // 2
        self.fc1 = nn.Linear(64 * side**2, 1280)
        self.dropout = nn.Dropout(0.5)
        self.fc2 = nn.Linear(1280, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 2)
        x = F.max_pool2d(F.relu(self.bn2(self.conv2(x))), 2)
        logits: Tensor = self.fc2(self.dropout(F.relu(self.fc1(x.flatten(1)))))
        return logits
