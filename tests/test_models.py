"""Every network of the registry builds, fits its images, and has the published number of parameters."""

import re
import subprocess
import sys

import pytest
import torch
import torchinfo
from torch import nn

from models import MODELS, build
from models.torchvision_names import NAMES
from pruning.errors import UserError

OWN = [name for name in MODELS if name not in NAMES]
GOLDEN = [  # name, in_channels, num_classes, image_size, parameters
    ("mnist-cnn", 1, 10, 28, 6_130),
    ("mnist-cnn-small", 1, 10, 28, 6_810),
    ("iris-mlp", 4, 3, 0, 113),
    ("fashion-cnn", 1, 10, 28, 126_698),
    ("cifar-cnn", 3, 10, 32, 15_355_402),
    ("scnnb", 1, 10, 28, 4_047_178),
    ("scnnb", 3, 10, 32, 5_276_554),
    ("scnnb-valid", 1, 10, 28, 2_081_098),
    ("scnnb-valid", 3, 10, 32, 2_982_794),
    ("vgg16-cifar", 3, 10, 32, 14_991_946),
    ("resnet20-cifar", 3, 10, 32, 269_722),
    ("resnet56-cifar", 3, 10, 32, 853_018),
    ("resnet110-cifar", 3, 10, 32, 1_727_962),
]
MACS = [  # name, in_channels, image_size, module type, weights-only MACs
    ("scnnb", 1, 28, nn.Conv2d, 3_838_464),
    ("vgg16-cifar", 3, 32, nn.Conv2d | nn.Linear, 313_463_808),
    ("resnet56-cifar", 3, 32, nn.Conv2d | nn.Linear, 125_485_696),
    ("resnet110-cifar", 3, 32, nn.Conv2d | nn.Linear, 252_887_680),
]


def parameters(model: nn.Module) -> int:
    return sum(p.numel() for p in model.parameters())


def macs(model: nn.Module, example: torch.Tensor, kinds) -> int:
    """Weight elements times output positions, of one example."""
    found: list[int] = []
    for module in model.modules():
        if isinstance(module, kinds):
            module.register_forward_hook(lambda m, _, y: found.append(m.weight.numel() * y[0, 0].numel()))
    model.eval()(example)
    return sum(found)


@pytest.mark.parametrize(("name", "in_channels", "num_classes", "image_size", "count"), GOLDEN)
def test_parameters_are_the_published_ones(name, in_channels, num_classes, image_size, count):
    model = build(name, in_channels=in_channels, num_classes=num_classes, image_size=image_size)
    assert parameters(model) == count


@pytest.mark.parametrize(("name", "in_channels", "image_size", "kinds", "count"), MACS)
def test_macs_are_the_published_ones(name, in_channels, image_size, kinds, count):
    model = build(name, in_channels=in_channels, image_size=image_size)
    assert macs(model, torch.zeros(1, in_channels, image_size, image_size), kinds) == count


@pytest.mark.parametrize(
    ("name", "shape", "millions"), [("fashion-cnn", (1, 1, 28, 28), 1.103882), ("cifar-cnn", (1, 3, 32, 32), 290.86)]
)
def test_torchinfo_counts_what_the_documents_report(name, shape, millions):
    report = torchinfo.summary(build(name), input_size=shape, verbose=0)
    assert report.total_mult_adds / 1e6 == pytest.approx(millions, abs=0.005 if millions > 2 else 0)


@pytest.mark.parametrize("extra", [0, 1, 6])
@pytest.mark.parametrize("name", [n for n in OWN if n != "iris-mlp"])
def test_flatten_sizes_follow_the_image_size(name, extra):
    size = MODELS[name].minimum + extra
    model = build(name, in_channels=2, num_classes=5, image_size=size).eval()
    assert model(torch.zeros(2, 2, size, size)).shape == (2, 5)


def test_iris_mlp_takes_rows_of_features():
    assert build("iris-mlp", num_classes=3)(torch.zeros(7, 4)).shape == (7, 3)


@pytest.mark.parametrize("name", OWN)
def test_layers_of_our_own_networks_have_names(name):
    layers = [n for n, m in build(name).named_modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    assert all(re.search(r"(conv|fc|linear)\d*$", layer) for layer in layers)


def test_vgg16_for_two_classes_has_the_parameters_of_document_002():
    with torch.device("meta"):
        assert parameters(build("vgg16", num_classes=2)) == 134_268_738


# RegNet's constructor computes, so it cannot be built on the meta device: of its 15, two small ones are built for real.
ON_META = [name for name in NAMES if not name.startswith("regnet")]


@pytest.mark.parametrize("name", [*ON_META, "regnet_x_400mf", "regnet_y_400mf"])
def test_torchvision_networks_build_with_other_channels_and_classes(name):
    with torch.device("meta" if name in ON_META else "cpu"):
        model = build(name, in_channels=1, num_classes=7)
    first = next(m for m in model.modules() if isinstance(m, nn.Conv2d))
    heads = [m for m in model.modules() if 7 in (getattr(m, "out_features", 0), getattr(m, "out_channels", 0))]
    assert first.in_channels == 1
    assert len(heads) == 1


@pytest.mark.parametrize("name", ["alexnet", "densenet121", "googlenet", "inception_v3", "squeezenet1_1", "swin_t"])
def test_the_smallest_allowed_image_reaches_the_head(name):
    size = MODELS[name].minimum
    model = build(name, in_channels=1, num_classes=5, image_size=size).eval()
    with torch.no_grad():
        assert model(torch.zeros(1, 1, size, size)).shape == (1, 5)


def test_the_list_of_names_is_torchvisions():
    import torchvision

    assert list(NAMES) == torchvision.models.list_models(module=torchvision.models)


@pytest.mark.parametrize("name", MODELS)
def test_every_card_says_what_the_network_is(name):
    card = MODELS[name]
    assert card.doc.endswith(".")
    assert card.image_size % card.multiple == 0
    assert card.image_size == 0 or card.image_size >= card.minimum


def test_the_registry_imports_without_torch():
    code = "import models, sys; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("resnet65-cifar", {}, "resnet56-cifar"),
        ("vgg16", {"image_size": 28}, "at least 32 × 32"),
        ("vit_b_16", {"image_size": 100}, "multiple of 16"),
        ("scnnb", {"pretrained": True}, "no pretrained weights"),
        ("scnnb", {"image_size": 0}, "takes images"),
        ("iris-mlp", {"image_size": 28}, "not images"),
        ("vit_b_32", {"image_size": 64, "pretrained": True}, "224"),
    ],
)
def test_a_misfit_is_said_in_words(name, options, words):
    with pytest.raises(UserError, match=re.escape(words)):
        build(name, **options)


def weights_file(folder, model):
    """Save `model` where torchvision looks for SqueezeNet 1.1's weights."""
    from torchvision.models import SqueezeNet1_1_Weights

    path = folder / "checkpoints" / SqueezeNet1_1_Weights.DEFAULT.url.rsplit("/", 1)[1]
    path.parent.mkdir(parents=True)
    torch.save(model.state_dict(), path)
    return path


def test_pretrained_weights_fill_all_but_the_head_and_sum_the_colours(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    source = build("squeezenet1_1", num_classes=1000)
    weights_file(tmp_path, source)
    model = build("squeezenet1_1", in_channels=1, num_classes=5, pretrained=True)
    assert torch.equal(model.features[3].squeeze.weight, source.features[3].squeeze.weight)
    assert torch.allclose(model.features[0].weight, source.features[0].weight.sum(1, keepdim=True))
    assert model(torch.zeros(1, 1, 224, 224)).shape == (1, 5)


def test_unreadable_weights_name_the_file_and_the_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    path = weights_file(tmp_path, build("mnist-cnn"))
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(UserError, match="squeezenet1_1 could not be loaded") as caught:
        build("squeezenet1_1", pretrained=True)
    assert path.name in caught.value.do
    assert str(path.parent) in caught.value.do
