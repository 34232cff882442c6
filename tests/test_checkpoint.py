"""Saved networks: the same function in any process, whatever was cut; misfits say what does not fit."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import toy
from safetensors.torch import save_file
from torch import nn

import models
from pruning import allocate, checkpoint, prune, score, trace
from pruning.channels.map import ChannelMap, Group
from pruning.errors import UserError
from pruning.plan import Plan

ROOT = Path(__file__).parent.parent
NETWORKS = ["fashion-cnn", "scnnb", "resnet20-cifar", "mobilenet_v2", "googlenet", "vit_b_32", "iris-mlp"]


def pruned(model, shape, share=0.5):
    channels = trace(model, torch.zeros(2, *shape))
    plan = allocate(channels, score(model, channels, "l1"), share=share)
    return prune(model, plan), plan


def saved(name, path, **extra):
    card = models.MODELS[name]
    arguments = {"in_channels": card.in_channels, "num_classes": 4, "image_size": min(card.image_size, 64)}
    shape = (card.in_channels, *[arguments["image_size"]] * 2)[: 3 if card.image_size else 1]
    small, plan = pruned(models.build(name, **arguments).eval(), shape)
    checkpoint.save(small, path, name=name, arguments=arguments, plan=plan, extra=extra)
    return small, torch.randn(2, *shape)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_pruned_network_comes_back_as_the_same_function(name, tmp_path):
    small, x = saved(name, tmp_path / "model.safetensors")
    again = checkpoint.load(tmp_path / "model.safetensors")
    with torch.no_grad():
        assert torch.equal(small.eval()(x), again(x))
    again.train()(x).square().mean().backward()
    assert all(p.grad is not None for p in again.parameters())


def test_a_network_loads_in_a_fresh_process(tmp_path):
    small, x = saved("fashion-cnn", tmp_path / "model.safetensors")
    torch.save(x, tmp_path / "x.pt")
    code = f"import pruning, torch; print(pruning.load({str(tmp_path / 'model.safetensors')!r})(torch.load({str(tmp_path / 'x.pt')!r})).double().sum().item())"
    out = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert float(out) == pytest.approx(small(x).double().sum().item(), abs=1e-5)


def test_kept_units_of_a_twice_pruned_network_are_those_of_the_dense_one(tmp_path):
    dense = models.build("fashion-cnn").eval()
    once, first = pruned(dense, (1, 28, 28))
    twice, second = pruned(once, (1, 28, 28))
    checkpoint.save(once, tmp_path / "1", name="fashion-cnn", arguments={}, plan=first, extra={"note": 1})
    checkpoint.save(
        twice, tmp_path / "2", name="fashion-cnn", arguments={}, plan=second, parent=checkpoint.recipe(tmp_path / "1")
    )
    kept = checkpoint.recipe(tmp_path / "2")["keep"]["conv1"]
    units = [i for start, stop in kept for i in range(start, stop)]
    assert torch.equal(dense.conv1.weight[units], twice.conv1.weight)
    assert checkpoint.recipe(tmp_path / "1")["extra"] == {"note": 1}


def test_a_cut_that_the_dense_networks_groups_cannot_tell_follows_as_a_step():
    groups = (Group("grouped", 4, ("grouped",), ()), Group("conv", 2, ("conv",), ()))
    plan = Plan(ChannelMap(groups, (), (), (), ()), {"grouped": (0, 3), "conv": (1,)})
    first, later = {"conv": [[3, 5]]}, {"grouped": [[0, 1], [3, 4]], "conv": [[1, 2]]}
    told = checkpoint.cuts({"keep": first}, plan, "inside")
    assert told == {"blocks": "inside", "keep": {"conv": [[4, 5]], "grouped": later["grouped"]}, "then": []}
    odd = first | {"grouped": [[1, 2]]}  # one of its units was left, and is now made of four
    told = checkpoint.cuts({"keep": odd}, plan, "inside")
    assert told == {"blocks": "inside", "keep": odd, "then": [{"blocks": "inside", "keep": later}]}


def cut(model, blocks):
    channels = trace(model, torch.zeros(2, 1, 8, 8), blocks=blocks)
    plan = allocate(channels, score(model, channels, "l1"), share=0.5)
    return prune(model, plan), plan


@pytest.mark.parametrize("order", [("inside", "whole"), ("whole", "inside"), ("whole", "whole")])
def test_cuts_inside_and_of_whole_blocks_load_again_and_can_be_repeated(order, tmp_path, monkeypatch):
    toy.registered(monkeypatch)
    dense = models.build("blocks").eval()
    once, first = cut(dense, order[0])
    twice, second = cut(once, order[1])
    made = {"name": "blocks", "arguments": {}}
    checkpoint.save(once, tmp_path / "1", **made, plan=first, blocks=order[0])
    parent = checkpoint.recipe(tmp_path / "1")
    checkpoint.save(twice, tmp_path / "2", **made, plan=second, blocks=order[1], parent=parent)
    x = torch.randn(2, 1, 8, 8)
    assert torch.equal(checkpoint.load(tmp_path / "2")(x), twice.eval()(x))
    assert torch.equal(repeated(dense, checkpoint.recipe(tmp_path / "2")).eval()(x), twice(x))


def repeated(dense, recipe):
    """The network that a recipe's cuts leave of the dense one."""
    for step in ({"blocks": recipe["blocks"], "keep": recipe["keep"]}, *recipe["then"]):
        channels = trace(dense, torch.zeros(2, 1, 8, 8), blocks=step["blocks"])
        dense = prune(dense, Plan(channels, {n: tuple(kept) for n, kept in checkpoint.spelt(step).items()}))
    return dense


def test_a_plan_of_whole_blocks_after_one_inside_them_is_refused_as_one_plan():
    once, first = cut(toy.Blocks(), "inside")
    _, second = cut(once, "whole")
    with pytest.raises(UserError, match="parts channels that the first network can only lose together"):
        first.then(second)


def test_a_parameter_in_two_places_stays_one(tmp_path):
    first, second = toy.network(), toy.network()
    for network in (first, second):
        network.append(nn.Linear(3, 3))
        network[-1].bias = network[0].bias = nn.Parameter(torch.ones(3))
    checkpoint.fill(second, first.state_dict(), tmp_path)
    assert second[-1].bias is second[0].bias


@pytest.mark.parametrize(
    ("content", "sentence"), [(b"no tensors", "not a safetensors file"), (None, "there is no file")]
)
def test_what_is_no_checkpoint_is_said(tmp_path, content, sentence):
    if content:
        (tmp_path / "x").write_bytes(content)
    with pytest.raises(UserError, match=sentence):
        checkpoint.load(tmp_path / "x")


def test_foreign_and_newer_files_are_told_apart(tmp_path):
    save_file({"a": torch.ones(1)}, tmp_path / "foreign")
    save_file({"a": torch.ones(1)}, tmp_path / "newer", {"espalier": json.dumps({"format": 99})})
    with pytest.raises(UserError, match="no recipe"):
        checkpoint.load(tmp_path / "foreign")
    with pytest.raises(UserError, match="newer Espalier"):
        checkpoint.load(tmp_path / "newer")


@pytest.mark.parametrize(
    "wrap", [dict, lambda s: {"state_dict": s}, lambda s: {"model": {f"module.{k}": s[k] for k in s}}]
)
def test_foreign_checkpoints_load_however_they_are_wrapped(tmp_path, wrap):
    there, here = models.build("fashion-cnn"), models.build("fashion-cnn")
    torch.save(wrap(there.state_dict()), tmp_path / "w.pth")
    checkpoint.load_weights(here, tmp_path / "w.pth")
    assert toy.digest(here) == toy.digest(there)


def test_weights_that_do_not_fit_name_the_layer_and_the_network_that_does(tmp_path):
    save_file(models.build("mnist-cnn", num_classes=7).state_dict(), tmp_path / "w.safetensors")
    with pytest.raises(UserError, match=r"conv2.weight is \(4, 8, 3, 3\), the network's is \(16, 8, 3, 3\)") as caught:
        checkpoint.load_weights(models.build("fashion-cnn"), tmp_path / "w.safetensors")
    assert "mnist-cnn" in caught.value.do


def test_a_file_that_would_run_code_is_refused(tmp_path):
    torch.save(toy.network(), tmp_path / "whole.pt")
    with pytest.raises(UserError, match="no checkpoint of tensors alone"):
        checkpoint.load_weights(toy.network(), tmp_path / "whole.pt")


@pytest.mark.parametrize("content", [b"", b"hello", b"root:x:0:0:", b"PK\x03\x04zz", b"\x80\x02}"])
def test_a_file_of_another_kind_is_told_in_a_sentence(tmp_path, content):
    (tmp_path / "odd.pt").write_bytes(content)
    with pytest.raises(UserError, match="cannot be read as a checkpoint"):
        checkpoint.load_weights(toy.network(), tmp_path / "odd.pt")


def test_the_public_resnet56_loads(real_data):
    network, path = models.build("resnet56-cifar"), real_data / "weights" / "resnet56-4bfd9763.th"
    checkpoint.load_weights(network, path)
    theirs = torch.load(path, map_location="cpu", weights_only=True)["state_dict"]
    assert all(torch.equal(t, theirs[f"module.{name}"]) for name, t in network.named_parameters())
