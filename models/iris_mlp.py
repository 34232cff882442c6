"""The 4-6-8-3 network of document 000 for rows of features."""

import torch.nn.functional as F
from torch import Tensor, nn


class IrisMLP(nn.Module):
    """Two hidden layers of 6 and 8 units; `in_channels` is the number of features."""

    def __init__(self, in_channels: int, num_classes: int, image_size: int = 0) -> None:
        super().__init__()
        self.fc1 = nn.Linear(in_channels, 6)
        self.fc2 = nn.Linear(6, 8)
        self.fc3 = nn.Linear(8, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.fc3(F.relu(self.fc2(F.relu(self.fc1(x)))))
        return logits
