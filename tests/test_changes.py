"""What changed is what a direct evaluation of both networks finds; the filters that went are exactly the plan's."""

import dataclasses
import io
from collections import Counter

import numpy as np
import pytest
import toy
from PIL import Image

from pruning import checkpoint, data, engine, pictures
from pruning.changes import KINDS, chance, compared
from pruning.errors import UserError
from pruning.evaluate import evaluate, evaluation_batches
from pruning.kinds import warm
from pruning.plan import Plan
from pruning.report import FolderReport
from pruning.run import Run, read_json, write_atomic
from pruning.spec import (
    ChangesSpec,
    DataSettings,
    FinetuneSpec,
    LookSpec,
    MaskSettings,
    MaskSpec,
    MaskStructure,
    ModelSettings,
    PruneSettings,
    PruneSpec,
    TrainSettings,
    TrainSpec,
)

DATA = DataSettings(name="fashion-mnist-sample", limit=200)
NONE, ONE = TrainSettings(epochs=0), TrainSettings(epochs=1, batch_size=32)
RUNS = {
    1: TrainSpec(data=DATA, model=ModelSettings(name="mnist-cnn-small"), training=ONE),
    2: PruneSpec(parent=1, pruning=PruneSettings(share=0.5), finetune=ONE),
    3: PruneSpec(parent=2, pruning=PruneSettings(share=0.3), finetune=NONE),
    4: FinetuneSpec(parent=2, training=ONE),
    5: MaskSpec(parent=1, masking=MaskSettings(structure=MaskStructure.STRUCTURED, amount=0.5), finetune=NONE),
    6: TrainSpec(data=DataSettings(name="iris"), model=ModelSettings(name="iris-mlp"), training=TrainSettings(epochs=9, learning_rate=0.01, batch_size=8)),
    7: PruneSpec(parent=6, pruning=PruneSettings(share=0.8), finetune=NONE),
    8: TrainSpec(data=DataSettings(name="toy"), model=ModelSettings(name="resnet20-cifar"), training=NONE),
    9: PruneSpec(parent=8, pruning=PruneSettings(share=0.4), finetune=NONE),
}  # fmt: skip


def execute(number, spec):
    run = Run.of(number)
    write_atomic(run.spec, spec.model_dump_json())
    engine.execute(spec, run, FolderReport(run))
    return run


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with the networks that are compared."""
    folder = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PRUNING_HOME", str(folder))
        toy.registered(patch)
        for number, spec in RUNS.items():
            execute(number, spec)
        yield folder


@pytest.fixture(autouse=True)
def networks(made, runs, monkeypatch):
    monkeypatch.setenv("PRUNING_HOME", str(made))


def asked(spec, number=[100]):  # noqa: B006  # one number after the other
    number[0] += 1
    run = execute(number[0], spec)
    return run, read_json(run.changes)


def test_accuracies_equal_a_direct_evaluation_of_both_networks():
    dataset = data.load(DATA)
    for against, older in (("parent", 2), ("training", 1)):
        _, found = asked(ChangesSpec(parent=3, against=against, images=2000))
        direct = [evaluate(checkpoint.load(Run.of(n).model), dataset.test_x, dataset.test_y, dataset) for n in (older, 3)]  # fmt: skip
        assert found["accuracy"] == [one["accuracy"] for one in direct]
        assert found["runs"] == [older, 3]


def test_flips_sum_up_to_the_difference_in_accuracy():
    _, found = asked(ChangesSpec(parent=2, images=700))
    counts, (before, now) = found["counts"], found["accuracy"]
    assert sum(counts.values()) == found["images"] == 700
    assert counts["gained"] - counts["lost"] == round(700 * (now - before))
    assert counts["lost"] + counts["other"] + counts["gained"] > 0
    assert [sum(column) for column in zip(*found["by_class"], strict=True)] == [700, round(700 * before), round(700 * now)]  # fmt: skip
    assert sum(after - then for _, _, then, after in found["confusion"]) == 0


def test_flips_are_listed_worst_first_each_as_often_as_counted():
    _, found = asked(ChangesSpec(parent=2, images=700))
    listed = Counter(flip["kind"] for flip in found["flips"])
    assert listed == {kind: min(most, found["counts"][kind]) for kind, most in KINDS.items() if found["counts"][kind]}
    lost = [flip["lost"] for flip in found["flips"] if flip["kind"] == "lost"]
    assert lost == sorted(lost, reverse=True)
    gained = [flip["lost"] for flip in found["flips"] if flip["kind"] == "gained"]
    assert gained == sorted(gained)


def test_a_listed_flip_is_what_the_networks_say_of_that_image():
    _, found = asked(ChangesSpec(parent=2, images=700))
    flip, dataset = found["flips"][0], data.load(DATA)
    index = np.array([flip["image"]])
    (inputs, labels), *_ = evaluation_batches(dataset.test_x[index], dataset.test_y[index], dataset, "cpu")
    for number, key in ((1, "dense"), (2, "pruned")):
        sure, which = checkpoint.load(Run.of(number).model)(inputs).detach().softmax(1).max(1)
        assert flip[key] == [int(which), pytest.approx(float(sure), abs=1e-5)]
    assert flip["class"] == int(labels)


def test_the_same_images_are_drawn_again_and_others_by_another_seed():
    first, same, other = (asked(ChangesSpec(parent=2, images=50, seed=seed))[1] for seed in (0, 0, 1))
    assert first == same
    assert first["flips"] != other["flips"]
    assert [of for of, *_ in first["by_class"]] == [5] * 10


def test_compared_counts_by_hand():
    scores = np.eye(3)
    truth, before, after = np.array([0, 1, 2, 2]), scores[[0, 0, 0, 2]], scores[[1, 1, 1, 2]]
    found = compared(before, after, truth, np.arange(4))
    assert found["counts"] == {"lost": 1, "other": 1, "gained": 1, "right": 1, "wrong": 0}
    assert found["by_class"] == [[1, 1, 0], [1, 0, 1], [2, 1, 1]]
    assert found["confusion"] == [[0, 0, 1, 0], [0, 1, 0, 1], [1, 0, 1, 0], [1, 1, 0, 1], [2, 0, 1, 0], [2, 1, 0, 1]]


def test_chance_is_mcnemars_exact_test():
    assert chance(0, 0) == chance(7, 7) == 1
    assert chance(0, 5) == pytest.approx(2 / 2**5)
    assert chance(10, 2) == pytest.approx(2 * (1 + 12 + 66) / 2**12)
    assert chance(4000, 6000) < 1e-80


def gone(found):
    return [number for number, unit in enumerate(found["units"]) if not unit["kept"]]


def planned(number, parent):
    return Plan.from_json(Run.of(number).plan.read_text(), warm.channels(Run.of(parent)))


def test_the_removed_filters_are_exactly_the_plans():
    _, first = asked(LookSpec(parent=2))
    assert gone(first) == planned(2, 1).removed()[first["layer"]]
    for one in first["layers"]:
        _, found = asked(LookSpec(parent=2, layer=one["name"]))
        assert gone(found) == planned(2, 1).removed().get(one["name"], [])


def test_filters_of_two_cuts_are_at_their_places_in_the_first_network():
    both = planned(2, 1).then(planned(3, 2))
    _, found = asked(LookSpec(parent=3, against="training"))
    assert gone(found) == both.removed()[found["layer"]]
    assert len(gone(asked(LookSpec(parent=3))[1])) < len(gone(found))


def test_all_layers_of_a_group_lose_the_same_filters():
    plan = planned(9, 8)
    layers = {layer: group.name for group in plan.channels.groups for layer in group.layers}
    _, first = asked(LookSpec(parent=9))
    assert len(first["layers"]) == 19
    for one in first["layers"][:6]:
        _, found = asked(LookSpec(parent=9, layer=one["name"]))
        assert gone(found) == plan.removed().get(layers.get(one["name"], ""), [])


def test_feature_maps_are_what_the_layer_gives():
    _, found = asked(LookSpec(parent=2, image=4))
    dataset = data.load(DATA)
    (inputs, _), *_ = evaluation_batches(dataset.test_x[4:5], dataset.test_y[4:5], dataset, "cpu")
    for number, place in ((1, 0), (2, -1)):
        model, outputs = checkpoint.load(Run.of(number).model), []
        model.get_submodule(found["layer"]).register_forward_hook(lambda _m, _i, o, into=outputs: into.append(o))
        model(inputs)
        means = [unit["means"][place] for unit in found["units"] if unit["means"][place] is not None]
        assert means == pytest.approx(outputs[0][0].detach().mean((1, 2)).tolist(), abs=1e-5)


def test_the_network_only_cut_stands_between_where_training_followed():
    assert asked(LookSpec(parent=2))[1]["networks"] == ["dense", "cut", "pruned"]
    for number in (3, 4, 5):
        assert asked(LookSpec(parent=number))[1]["networks"] == ["dense", "pruned"]


def test_filters_that_are_masked_stay_and_are_marked():
    _, found = asked(LookSpec(parent=5))
    weight = checkpoint.load(Run.of(5).model).get_submodule(found["layer"]).weight
    assert gone(found) == []
    assert [unit["zero"] for unit in found["units"]] == (weight.flatten(1) == 0).all(1).tolist()
    assert any(unit["zero"] for unit in found["units"])


def test_a_file_is_seen_as_the_data_sets_own_images_are(tmp_path):
    dataset = data.load(DATA)
    pixels = dataset.test_x[11, 0]
    for name, shown, invert in (("grey.png", pixels, False), ("inverted.png", 255 - pixels, True)):
        path = tmp_path / name
        Image.fromarray(shown).save(path)
        assert np.array_equal(pictures.of_file(path, dataset, invert=invert), dataset.test_x[11:12])
        _, own = asked(LookSpec(parent=2, file=str(path), invert=invert))
        same = asked(LookSpec(parent=2, image=11))[1]["top"]
        assert [row["pruned"] for row in own["top"]] == pytest.approx([row["pruned"] for row in same], abs=1e-5)
        assert own["class"] is None


@pytest.mark.parametrize(("mode", "size"), [("RGB", (640, 480)), ("LA", (7, 90)), ("P", (28, 28)), ("CMYK", (50, 60))])
def test_images_of_any_size_and_mode_are_taken(tmp_path, mode, size):
    path = tmp_path / ("image.jpg" if mode == "CMYK" else "image.png")
    Image.new(mode, size).save(path)
    run, found = asked(LookSpec(parent=2, file=str(path)))
    assert sum(row["dense"] for row in found["top"]) == pytest.approx(1, abs=0.5)
    assert (run.pictures / "image.png").exists()


def test_what_cannot_be_shown_is_refused_in_words(tmp_path):
    (tmp_path / "bad.png").write_text("no image")
    for spec, words in (
        (LookSpec(parent=2, file=str(tmp_path / "bad.png")), "bad.png cannot be read as an image"),
        (LookSpec(parent=2, file=str(tmp_path / "gone.png")), "gone.png cannot be read as an image"),
        (LookSpec(parent=7, file=str(tmp_path / "bad.png")), "rows of features"),
        (LookSpec(parent=2, image=2000), "There is no test image 2000"),
        (LookSpec(parent=2, layer="fc9"), "fc9 has no feature maps"),
        (ChangesSpec(parent=1), "Run 1 started from no other network"),
    ):
        with pytest.raises(UserError, match=words):
            asked(spec)


def test_rows_of_features_are_listed_with_their_features():
    run, found = asked(ChangesSpec(parent=7))
    assert not run.pictures.exists()
    assert found["flips"]
    assert all(len(flip["features"]) == 4 for flip in found["flips"])
    assert "units" not in asked(LookSpec(parent=7))[1]


def test_pictures_hold_every_flip_and_every_filter():
    run, found = asked(ChangesSpec(parent=2, images=700))
    with Image.open(run.pictures / "flips.png") as sheet:
        assert sheet.size == (1120, 112 * -(-len(found["flips"]) // 10))
    run, found = asked(LookSpec(parent=2))
    with Image.open(run.pictures / "maps.png") as maps:
        assert maps.height == 56 * -(-len(found["units"]) // 6) - 8
        first = gone(found)[0]
        left, top = first % 6 * 156 + 50, first // 6 * 56
        assert maps.convert("LA").crop((left, top, left + 98, top + 48)).getextrema()[1] == (0, 0)  # the removed: clear


def test_photos_are_taken_in_colour_at_the_side_that_is_stored(tmp_path):
    photos = dataclasses.replace(toy.dataset(), test_x=np.zeros((2, 3, 64, 64), np.uint8), image_size=56)
    wide = np.zeros((64, 128, 3), np.uint8)
    wide[:, 32:96] = (200, 100, 50)  # the square in the middle
    Image.fromarray(wide).save(tmp_path / "wide.png")
    taken = pictures.of_file(tmp_path / "wide.png", photos)
    assert taken.shape == (1, 3, 64, 64)
    assert taken[0, :, 20, 20].tolist() == [200, 100, 50]
    with Image.open(io.BytesIO(pictures.sheet([taken[0]] * 11))) as sheet:
        assert (sheet.mode, sheet.size) == ("RGB", (1120, 224))
