"""cnntrain: one YAML file in, a trained, checked, explainable network out.

Module map: a module imports only from rows above its own, and no two modules of a folder import
each other, directly or indirectly; ``tests/test_layering.py`` enforces both.

    row  module                   what it holds
    ---  -----------------------  ---------------------------------------------------------------
    0    errors types rng         exceptions and exit codes; array types; random streams;
         registry environment     kinds by name; hardware and versions;
         text                     numbers and durations as text
    1    files native plugins     atomic file writes; the compiled engine; kinds of other packages
    2    ops                      arithmetic shared by several layers
    3    layers losses            one file per member of a family, forward next to backward;
         optimizers metrics       schedules are with the optimizers, initializers with the
         data                     layers, sources with the data
    4    network                  a graph of layers: shapes, arrays, forward, backward, objective
    5    config                   YAML -> frozen plan; errors with line and column
    6    training                 plan and state -> stream of events
    7    runs                     events -> files and terminal; checkpoints, locks, signals;
         diagnostics              gradient checking, self-test, timing
    8    views                    networks, steps and runs made visible: explain, trace, report
         exchange                 models for and from other tools: ONNX, PyTorch, NumPy
    9    commands                 the commands, independent of the command line
    10   cli api                  click, one short file per command; no logic; the same from Python

Data flows one way: ``config`` turns text into frozen values, ``network`` turns values into shapes
and arrays, ``training`` yields events, ``runs`` consumes them.

From Python, ``cnntrain.load(path)`` gives a trained network that predicts, ``cnntrain.fit(config)``
the events of a training, ``cnntrain.CNNClassifier`` and ``CNNRegressor`` estimators for
scikit-learn (extra ``sklearn``).
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cnntrain.api.estimators import CNNClassifier, CNNRegressor
    from cnntrain.api.model import Model, load
    from cnntrain.api.training import Training, fit
    from cnntrain.training.events import EpochEnd, StepEnd, Stopped

__version__ = "0.2.0"
__all__ = [
    "CNNClassifier",
    "CNNRegressor",
    "EpochEnd",
    "Model",
    "StepEnd",
    "Stopped",
    "Training",
    "__version__",
    "fit",
    "load",
]

_MODULES = {
    "CNNClassifier": "api.estimators",
    "CNNRegressor": "api.estimators",
    "EpochEnd": "training.events",
    "Model": "api.model",
    "StepEnd": "training.events",
    "Stopped": "training.events",
    "Training": "api.training",
    "fit": "api.training",
    "load": "api.model",
}


def __getattr__(name: str) -> Any:
    """Import what is asked for, and nothing before: the command line starts without NumPy."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    try:
        return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    except ImportError as error:
        if (error.name or "").partition(".")[0] != "sklearn":
            raise
        raise ImportError(
            f"{name} needs scikit-learn 1.6 or newer; install it with: "
            "pip install 'cnntrain[sklearn]'"
        ) from None


def __dir__() -> list[str]:
    """What an interactive shell completes."""
    return sorted({*globals(), *_MODULES})
