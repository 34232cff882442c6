"""The networks of the benchmarks: every torchvision classifier, and architectures of timm from all its families."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torchvision
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

TORCHVISION = torchvision.models.list_models(module=torchvision.models)
FAMILIES = {  # timm
    "residual": "resnet18 resnet50 resnet26d resnetv2_50 seresnet50 ecaresnet50d gcresnet33ts skresnet18 skresnext50_32x4d resnest14d"
    " res2net50_26w_4s bat_resnext26ts nf_resnet50 nfnet_f0 dm_nfnet_f0 gernet_s",
    "plain and dense": "vgg11_bn vgg19 repvgg_a0 densenet121 rdnet_tiny dla34 darknet53 cspresnet50 cspdarknet53 dpn48b vovnet39a"
    " ese_vovnet19b_dw hrnet_w18_small selecsls42b xception41 inception_v3 inception_v4 inception_resnet_v2",
    "mobile": "mobilenetv2_100 mobilenetv3_large_100 mobilenetv4_conv_small mobilenetv4_hybrid_medium efficientnet_b0 efficientnet_lite0"
    " tf_efficientnetv2_s mixnet_s mnasnet_100 fbnetc_100 ghostnet_100 repghostnet_050 hardcorenas_a lcnet_050 tinynet_e rexnet_100"
    " regnetx_002 regnety_002 repvit_m0_9 starnet_s1",
    "modern convolutions": "convnext_tiny convnextv2_atto convmixer_768_32 inception_next_atto focalnet_tiny_srf poolformer_s12 mambaout_femto fastvit_t8",
    "mixers": "mixer_s16_224 resmlp_12_224 gmixer_24_224 gmlp_ti16_224 sequencer2d_s",
    "vision transformers": "vit_tiny_patch16_224 vit_base_patch16_224 deit_tiny_patch16_224 deit_tiny_distilled_patch16_224"
    " deit3_small_patch16_224 beit_base_patch16_224 eva02_tiny_patch14_224 cait_xxs24_224 xcit_nano_12_p16_224 crossvit_tiny_240"
    " tnt_s_patch16_224 volo_d1_224",
    "windows and pyramids": "swin_tiny_patch4_window7_224 swinv2_tiny_window8_256 twins_svt_small pvt_v2_b0 pit_ti_224 nest_tiny"
    " davit_tiny hiera_tiny_224 tiny_vit_5m_224",
    "hybrids": "convit_tiny levit_128s levit_conv_128s visformer_tiny coat_lite_tiny coatnet_0_rw_224 caformer_s18 maxvit_tiny_rw_224"
    " mobilevit_xxs mobilevitv2_050 edgenext_xx_small efficientformer_l1 efficientformerv2_s0 efficientvit_b0 efficientvit_m0"
    " nextvit_small shvit_s1 swiftformer_xs botnet26t_256 halonet26t lambda_resnet26t",
}
TIMM = [f"timm/{name}" for names in FAMILIES.values() for name in names.split()]
PROVEN_AT = {"inception_v3": 299}  # its auxiliary head, in training, takes no smaller image
SMALLER = {"vit_h_14": 112}  # image size that a network is built for, where a proof at its own would take minutes
OWN_WEIGHTS = ("googlenet", "inception_v3")  # their own initialisation takes half a minute
SIZES = {"inception_v3": 299}


class Unfilled(TorchDispatchMode):
    """Zeros in the place of first weights: drawing them takes minutes over all networks, and `randomise` draws others."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func._schema.name in ("aten::normal_", "aten::uniform_", "aten::erfinv_"):
            return args[0].zero_()  # some draw until all lie within bounds
        return func(*args, **(kwargs or {}))


def build(name: str) -> tuple[nn.Module, int]:
    """A network with first weights that nobody drew (`randomise` gives it some), and the image size it is built for."""
    with Unfilled():
        if name.startswith("timm/"):
            return timm_network(name.removeprefix("timm/"))
        return torchvision_network(name), SMALLER.get(name, SIZES.get(name, 224))


def torchvision_network(name: str) -> nn.Module:
    more: dict[str, Any] = {"init_weights": False} if name in OWN_WEIGHTS else {}
    if name in SMALLER:
        more["image_size"] = SMALLER[name]
    return torchvision.models.get_model(name, **more)


def timm_network(name: str) -> tuple[nn.Module, int]:
    import timm  # only the tests need it, so it may be missing

    network = timm.create_model(name)
    return network, network.default_cfg["input_size"][-1]


def randomise(network: nn.Module, seed: int = 0) -> None:
    """Weights as if trained: nothing is zero, norms have statistics and affines of their own. Fresh ones hide mistakes."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            fill(parameter, name, generator)
        for name, buffer in network.named_buffers():
            if name.endswith("running_mean"):
                buffer.normal_(0, 0.3, generator=generator)
            elif name.endswith("running_var"):
                buffer.uniform_(0.5, 2, generator=generator)


def fill(parameter: Tensor, name: str, generator: torch.Generator) -> None:
    if parameter.dim() >= 2:
        parameter.normal_(0, (len(parameter) / parameter.numel()) ** 0.5, generator=generator)
    elif name.endswith("bias"):
        parameter.normal_(0, 0.3, generator=generator)
    else:  # scales of norms and branches
        parameter.uniform_(0.5, 1.5, generator=generator)


@contextmanager
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
