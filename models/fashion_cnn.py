"""The Fashion-MNIST network of document 001."""

import torch.nn.functional as F
from torch import Tensor, nn


class FashionCNN(nn.Module):
    """Two padded 3×3 convolutions of 8 and 16 filters, then one linear layer."""

    def __init__(self, in_channels: int, num_classes: int, image_size: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, 8, 3, padding=1)
        self.conv2 = nn.Conv2d(8, 16, 3, padding=1)
        self.fc = nn.Linear(16 * image_size**2, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.conv2(F.relu(self.conv1(x))))
        logits: Tensor = self.fc(x.flatten(1))
        return logits
