"""The networks by name: MODELS says what each is, `build` makes one. Torch is imported when a network is built."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any

from models.torchvision_names import FAMILIES, IMAGE_SIZES, MINIMUM_SIZES, NAMES
from pruning.errors import UserError

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class ModelCard:
    """What a network is. `image_size` 0: it takes rows of `in_channels` features instead of images."""

    build: str  # "module:attribute", called with in_channels, num_classes, image_size and the arguments
    doc: str
    paper: str
    image_size: int  # side of the square images it was made for, pixels
    in_channels: int
    minimum: int = 1  # smallest image side that reaches its head, pixels
    multiple: int = 1  # the image side must be a multiple of this
    has_weights: bool = False  # ImageNet weights can be downloaded
    arguments: Mapping[str, Any] = field(default_factory=dict)


def _torchvision(name: str) -> ModelCard:
    family = max((start for start in FAMILIES if name.startswith(start)), key=len)
    doc, paper = FAMILIES[family]
    size = IMAGE_SIZES.get(name, 224)
    minimum, multiple = next((v for start, v in MINIMUM_SIZES.items() if name.startswith(start)), (1, 1))
    return ModelCard(
        "models.torchvision_classifier:build",
        doc,
        paper,
        size,
        3,
        minimum=minimum,
        multiple=multiple,
        has_weights=True,
        arguments={"name": name, "native_size": size},
    )


MODELS: dict[str, ModelCard] = {
    "scnnb": ModelCard(
        "models.scnnb:SCNNB",
        "Shallow network with batch norm: two 3×3 convolutions (same padding), 1280 units.",
        "Lei et al. 2020, Shallow convolutional neural network for image classification",
        28,
        1,
        minimum=4,
    ),
    "scnnb-valid": ModelCard(
        "models.scnnb:SCNNB",
        "SCNNB without padding, as document 004's code has it.",
        "Lei et al. 2020, Shallow convolutional neural network for image classification",
        28,
        1,
        minimum=10,
        arguments={"padding": 0},
    ),
    "fashion-cnn": ModelCard(
        "models.fashion_cnn:FashionCNN", "Two padded 3×3 convolutions of 8 and 16 filters, one linear layer.", "", 28, 1
    ),
    "mnist-cnn": ModelCard(
        "models.mnist_cnn:MnistCNN", "Two 3×3 convolutions of 8 and 4 filters, one linear layer.", "", 28, 1, minimum=6
    ),
    "mnist-cnn-small": ModelCard(
        "models.mnist_cnn:MnistCNNSmall", "One 3×3 convolution of 4 filters, one linear layer.", "", 28, 1, minimum=4
    ),
    "iris-mlp": ModelCard(
        "models.iris_mlp:IrisMLP", "Two hidden layers of 6 and 8 units, for rows of features.", "", 0, 4
    ),
    "cifar-cnn": ModelCard(
        "models.cifar_cnn:CifarCNN",
        "Convolutions of 256, 512 and 1024 filters, three linear layers.",
        "",
        32,
        3,
        minimum=22,
    ),
    "vgg16-cifar": ModelCard(
        "models.vgg_cifar:VGG16Cifar",
        "13 convolutions with batch norm and one hidden layer of 512 units.",
        "Li et al. 2017, arXiv 1608.08710",
        32,
        3,
        minimum=32,
    ),
    "resnet20-cifar": ModelCard(
        "models.resnet_cifar:ResNetCifar",
        "Residual network of 20 layers with option-A shortcuts.",
        "He et al. 2016, arXiv 1512.03385",
        32,
        3,
        minimum=4,
        arguments={"blocks": 3},
    ),
    "resnet56-cifar": ModelCard(
        "models.resnet_cifar:ResNetCifar",
        "Residual network of 56 layers with option-A shortcuts.",
        "He et al. 2016, arXiv 1512.03385",
        32,
        3,
        minimum=4,
        arguments={"blocks": 9},
    ),
    "resnet110-cifar": ModelCard(
        "models.resnet_cifar:ResNetCifar",
        "Residual network of 110 layers with option-A shortcuts.",
        "He et al. 2016, arXiv 1512.03385",
        32,
        3,
        minimum=4,
        arguments={"blocks": 18},
    ),
    **{name: _torchvision(name) for name in NAMES},
}


def build(
    name: str,
    *,
    in_channels: int | None = None,
    num_classes: int = 10,
    image_size: int | None = None,
    pretrained: bool = False,
) -> "nn.Module":
    """A fresh network; None takes the card's own, `image_size` 0 means rows of features. Raises UserError on a misfit."""
    card = card_of(name)
    size = card.image_size if image_size is None else image_size
    _check_size(name, card, size)
    if pretrained and not card.has_weights:
        raise UserError(f"{name} has no pretrained weights", do="Untick the pretrained weights.")
    module, attribute = card.build.split(":")
    extra = dict(card.arguments) | ({"pretrained": True} if pretrained else {})
    made: nn.Module = getattr(import_module(module), attribute)(
        in_channels=card.in_channels if in_channels is None else in_channels,
        num_classes=num_classes,
        image_size=size,
        **extra,
    )
    return made


def card_of(name: str) -> ModelCard:
    """The card called `name`; raises UserError that names close matches."""
    if name in MODELS:
        return MODELS[name]
    close = difflib.get_close_matches(name, MODELS, n=3, cutoff=0.5)
    near = f"; close names: {', '.join(close)}" if close else ""
    raise UserError(f"model={name!r} is not a known network{near}", do="Choose one of models.MODELS.")


def _check_size(name: str, card: ModelCard, size: int) -> None:
    if bool(card.image_size) != bool(size):
        takes = "images" if card.image_size else "rows of features, not images"
        raise UserError(f"{name} takes {takes}", do="Choose a network that fits the data set.")
    if size < card.minimum and card.image_size:
        raise UserError(
            f"{name} needs images of at least {card.minimum} × {card.minimum} pixels, not {size} × {size}",
            do=f"Set the image size to {card.minimum} or more, or choose a smaller network.",
        )
    if size % card.multiple:
        raise UserError(
            f"{name} needs an image side that is a multiple of {card.multiple} pixels, not {size}",
            do=f"Set the image size to {card.image_size}.",
        )
