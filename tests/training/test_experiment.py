"""A plan's network and its data must fit: every way in which they do not has its message."""

import pytest

from cnntrain.config.read import plan_from_tree, read_config
from cnntrain.data.normalize import Normalizer
from cnntrain.errors import ConfigError, ShapeError
from cnntrain.training.experiment import build_network
from cnntrain.training.opening import open_experiment

REGRESSION = {"source": "inline", "inputs": [[1, 2], [3, 4]], "targets": [[0.5], [1.0]]}


def no_files(name):
    raise AssertionError(f"{name} was looked for")


def test_what_is_opened_fits_together(experiment_of):
    experiment = experiment_of(data={"source": "digits", "validation": 38},
                               network=["flatten", {"dense": {"units": 10}}])  # fmt: skip
    assert experiment.network.in_shape == experiment.data.sample_shape == (1, 8, 8)
    assert {name: len(split) for name, split in experiment.data.splits.items()} == {
        "train": 1400, "val": 38, "test": 359,
    }  # fmt: skip


def test_the_penalty_is_over_all_training_samples(experiment_of, train_events):
    """λ/m with m the size of the training split, not of a batch."""
    zeros = [{"dense": {"units": 2, "init": 1.0, "trainable": False}}]
    for batch_size in (1, 8, 20):
        train = {"l2": 6.0, "batch_size": batch_size, "epochs": 1}
        *_, epoch, _ = train_events(experiment_of(network=zeros, train=train))
        assert epoch.metrics["train/penalty"] == pytest.approx(6.0 / (2 * 20) * 4)


@pytest.mark.parametrize(
    ("sections", "path", "message"),
    [
        ({"input": [3]}, ("input",),
         r"the data's samples have shape \(2,\), but 'input' says \(3,\)"),
        ({"network": [{"conv2d": {"filters": 2, "kernel": 3}}]}, ("network", 0),
         r"^conv1.*: needs an image of shape \(C, H, W\), but the input is \(2,\)"),
        ({"network": [{"dense": {"units": 2}}, {"max_pool2d": {"size": 2}}]}, ("network", 1),
         r"^max_pool1.*: needs an image"),
        ({"network": [{"dense": {"units": 3}}, {"dense": {"units": 2}}, "softmax"]},
         ("network", 2), r"cross_entropy contains the softmax"),
        ({"network": [{"dense": {"units": 2, "activation": "softmax"}}]},
         ("network", 0), r"cross_entropy contains the softmax"),
        ({"network": [{"dense": {"units": 1}}]}, ("network", 0),
         r"^dense1.*: cross_entropy needs one output per class, at least 2"),
        ({"data": REGRESSION}, ("network", 1),
         r"cross_entropy needs class labels|the network gives \(2,\), but the targets are \(1,\)"),
        ({"data": REGRESSION, "loss": "squared_error"}, ("network", 1),
         r"^dense2.*: the network gives \(2,\), but the targets are \(1,\)"),
        ({"data": {"source": "digits"}, "network": [{"dense": {"units": 10}}]}, ("network", 0),
         r"^dense1.*: needs a vector, but the input is an image of shape \(1, 8, 8\); put"),
        ({"data": {"source": "digits"},
          "network": [{"conv2d": {"filters": 2, "kernel": 9}}]}, ("network", 0), r"^conv1"),
        ({"network": [{"dense": {"units": 2, "init": {"V": "zeros"}}}]},
         ("network", 0, "dense", "init"), r"init: this layer has no array 'V'"),
        ({"network": [{"dense": {"units": 2, "trainable": {"w": False}}}]},
         ("network", 0, "dense", "trainable"), r"this layer has no array 'w'; did you mean 'W'"),
        ({"network": [{"dense": {"units": 2}, "name": "a b"}]}, ("network", 0, "name"),
         r"'a b' is not a valid name; use letters, digits and _"),
        ({"network": [{"dense": {"units": 2}, "name": "a"}, {"dense": {"units": 2}, "name": "a"}]},
         ("network", 1, "name"), r"two layers are named 'a'; names must be unique"),
    ],
)  # fmt: skip
def test_what_does_not_fit(experiment_of, sections, path, message):
    with pytest.raises(ShapeError, match=message) as caught:
        experiment_of(**sections)
    assert caught.value.path == path


def test_too_few_outputs_for_the_classes(experiment_of):
    data = {"source": "inline", "inputs": [[1], [2]], "targets": [0, 2]}
    with pytest.raises(ShapeError) as caught:
        experiment_of(data=data)
    assert str(caught.value) == (
        "dense2: the data has 3 classes, but this layer only 2 outputs; give it 3 units, "
        "or for a regression list the column under 'targets' (in arrays write 0.0, not 0)"
    )
    assert caught.value.path[0] == "network"


def test_a_head_needs_an_output_per_class_too(experiment_of):
    network = [{"dense": {"units": 1}, "name": "aux"}, {"dense": {"units": 2}}]
    loss = ["cross_entropy", {"squared_error": {}, "output": "aux"}]
    with pytest.raises(ShapeError, match="aux: the data has 2 classes"):
        experiment_of(network=network, loss=loss)


@pytest.mark.parametrize("loss", ["binary_cross_entropy", "hinge", "squared_hinge"])
def test_one_output_can_tell_two_classes_apart(experiment_of, train_events, loss):
    data = {"source": "inline", "inputs": [[-1], [1]], "targets": [0, 1], "augment": ["mixup"]}
    experiment = experiment_of(data=data, network=[{"dense": {"units": 1}}], loss=loss)
    *_, stopped = train_events(experiment)
    assert stopped.reason == "epochs"
    assert experiment.batches("train").classes == 1


ONE_HOT = {"source": "inline", "inputs": [[1], [2], [3]], "targets": [[1.0, 0], [0, 1.0], [0, 1]]}


def test_class_weights_that_do_not_fit_are_refused_at_once(experiment_of):
    loss = {"cross_entropy": {"class_weight": [1.0, 2.0, 3.0]}}
    with pytest.raises(ConfigError) as caught:
        experiment_of(data=ONE_HOT, loss=loss)
    assert caught.value.path == ("loss",)


def test_soft_targets_are_classes_to_a_loss_of_classes(experiment_of, train_events):
    loss = {"cross_entropy": {"class_weight": "balanced"}}
    experiment = experiment_of(data={**ONE_HOT, "validation": 1}, loss=loss, metrics=["macro_f1"])
    assert experiment.data.classes == ("0", "1")
    *_, stopped = train_events(experiment)
    assert {"train/accuracy", "val/accuracy", "val/macro_f1"} <= stopped.metrics.keys()
    assert experiment_of(data=ONE_HOT, loss="squared_error").data.classes is None


def test_balanced_weights_count_soft_targets(experiment_of):
    loss = {"cross_entropy": {"class_weight": "balanced"}}
    found = experiment_of(data=ONE_HOT, loss=loss).objective.main.loss
    assert found.class_weight == (1.5, 0.75)


def test_more_outputs_than_classes_are_refused_unless_they_are_named(experiment_of):
    network = [{"dense": {"units": 5}}]
    with pytest.raises(ShapeError) as caught:
        experiment_of(network=network)
    assert str(caught.value) == (
        "dense1: 5 outputs, but the data has 2 classes; give it 2 units (or name all classes with "
        "'class_names', if some do not occur)"
    )
    data = {"source": "inline", "inputs": [[0], [1], [2]], "targets": [0, 1, 0]}
    named = {**data, "class_names": list("abcde")}
    assert experiment_of(network=network, data=named).network.out_shape == (5,)


def test_input_lays_the_network_out_without_the_data(small_tree):
    files = {"images": "none.idx", "labels": "none.idx"}
    plan = plan_from_tree(
        small_tree(input=[1, 9, 9], data={"source": "idx", "train": files}, network=["flatten"])
    )
    assert build_network(plan, no_files).out_shape == (81,)


def test_shapes_are_checked_before_data_is_read(small_tree):
    """A wrong layer is told at once, not after minutes of reading."""
    files = {"images": "none.idx", "labels": "none.idx"}
    plan = plan_from_tree(small_tree(input=[1, 9, 9], data={"source": "idx", "train": files}))
    with pytest.raises(ShapeError, match="put 'flatten' before"):
        open_experiment(plan, no_files)


def test_what_memory_cannot_hold_is_refused_before_it_is_made(small_tree, monkeypatch):
    layers = [{"dense": {"units": 10**9}}, {"dense": {"units": 10**9}}, {"dense": {"units": 2}}]
    monkeypatch.setattr("cnntrain.training.memory.physical_memory", lambda: 8 * 2.0**30)
    with pytest.raises(ShapeError) as caught:
        build_network(plan_from_tree(small_tree(network=layers)), no_files)
    assert caught.value.path == ("network", 1)
    assert str(caught.value) == (
        "dense2: 1,000,000,006,000,000,002 parameters in total need at least 11,175,870,962 GiB,"
        " but this machine has 8 GiB"
    )


def test_a_batch_that_memory_cannot_hold_is_refused(experiment_of, monkeypatch):
    monkeypatch.setattr("cnntrain.training.memory.physical_memory", lambda: 2.0**20)
    data = {"source": "digits"}
    layers = [{"conv2d": {"filters": 50, "kernel": 3}}, "flatten", {"dense": {"units": 10}}]
    with pytest.raises(ShapeError, match=r"^a step on 1,000 samples needs about .* this machine"):
        experiment_of(data=data, network=layers, train={"batch_size": 1000})
    experiment_of(data=data, network=layers, train={"batch_size": 1})


def test_a_given_normalizer_is_not_fitted_again(experiment_of):
    fitted = experiment_of(data={"source": "digits", "normalize": "per_channel"},
                           network=["flatten", {"dense": {"units": 10}}])  # fmt: skip
    other = Normalizer(fitted.data.normalizer.shift + 1, fitted.data.normalizer.scale)
    again = open_experiment(fitted.plan, no_files, other)
    assert again.data.normalizer is other


def test_a_shape_error_gets_its_line_and_column(config_file, tmp_path):
    path = tmp_path / "lenet.yaml"
    path.write_text(
        "data: {source: digits}\nloss: cross_entropy\nnetwork:\n  - flatten\n"
        "  - conv2d: {filters: 3, kernel: 3}\n  - dense: {units: 10, init: {V: zeros}}\n"
    )
    config = read_config(path)
    with pytest.raises(ShapeError) as caught:
        open_experiment(config.plan, no_files)
    located = str(config.located(caught.value)).replace(str(path), "lenet.yaml").splitlines()
    assert located[0].startswith("lenet.yaml:5:5: network[1]: conv1")
    assert located[1:] == ["    5 |   - conv2d: {filters: 3, kernel: 3}", "      |     ^"]
