"""The CIFAR-10 network of document 003: wide convolutions, with the batch norm after the pooling."""

import torch.nn.functional as F
from torch import Tensor, nn


class CifarCNN(nn.Module):
    """Three times (conv 3×3 → ReLU → max pool 2 → batch norm), then three linear layers."""

    def __init__(self, in_channels: int, num_classes: int, image_size: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(in_channels, 256, 3), nn.BatchNorm2d(256)
        self.conv2, self.bn2 = nn.Conv2d(256, 512, 3), nn.BatchNorm2d(512)
        self.conv3, self.bn3 = nn.Conv2d(512, 1024, 3), nn.BatchNorm2d(1024)
        side = image_size
        for _ in range(3):
            side = (side - 2) // 2
        self.fc1 = nn.Linear(1024 * side**2, 2048)
        self.fc2 = nn.Linear(2048, 512)
        self.fc3 = nn.Linear(512, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.bn1(F.max_pool2d(F.relu(self.conv1(x)), 2))
        x = self.bn2(F.max_pool2d(F.relu(self.conv2(x)), 2))
        x = self.bn3(F.max_pool2d(F.relu(self.conv3(x)), 2))
        x = F.relu(self.fc2(F.relu(self.fc1(x.flatten(1)))))
        logits: Tensor = self.fc3(x)
        return logits
