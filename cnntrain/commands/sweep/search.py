"""Which values the next trial takes, and whether a running one is worth its time."""

from collections.abc import Callable, Sequence
from typing import Any

from cnntrain.config.space import Dimension, Values
from cnntrain.errors import DataError
from cnntrain.rng import Purpose, stream
from cnntrain.runs.trials import Trial

Series = tuple[Sequence[int], Sequence[float]]  # epochs, values of the monitored metric


class Planned:
    """All values are known from the beginning: a grid, or draws keyed by the seed."""

    def __init__(self, plan: Callable[[int], Values]) -> None:
        self.plan = plan

    def values(self, number: int) -> Values:
        """The values of a new trial, counted from 1."""
        return self.plan(number)

    def begin(self, trial: Trial) -> None:
        """A trial runs."""

    def end(self, trial: Trial, series: Series) -> None:
        """A trial ended, now or in an earlier process."""

    def is_hopeless(self, trial: Trial, series: Series) -> bool:
        """Whether to stop it."""
        return False


class Guided(Planned):
    """Optuna learns from the trials that have ended (an optional extra).

    ``plan``: None: TPE proposes the values (Bergstra et al. 2011). ``prune``: a trial is hopeless
    if its best value so far is worse than the median of the others at the same epoch.
    """

    def __init__(
        self,
        space: Sequence[Dimension],
        seed: int,
        higher_is_better: bool,
        plan: Callable[[int], Values] | None,
        prune: bool,
    ) -> None:
        optuna = need_optuna()
        super().__init__(plan or self._proposed)
        self.space, self.seed = space, seed
        self.direction = "maximize" if higher_is_better else "minimize"
        self.optuna, self.is_learning = optuna, plan is None
        pruner = optuna.pruners.MedianPruner() if prune else optuna.pruners.NopPruner()
        self.study = optuna.create_study(direction=self.direction, pruner=pruner)
        self.asked: dict[int, Any] = {}

    def _proposed(self, number: int) -> Values:
        """Keyed by seed and number, so that a resumed sweep goes on as it would have."""
        key = int(stream(self.seed, Purpose.SWEEP, number).integers(2**31))
        self.study.sampler = self.optuna.samplers.TPESampler(seed=key)
        self.asked[number] = self.study.ask(self._distributions())
        return {dim.key: _value(dim, self.asked[number].params[dim.key]) for dim in self.space}

    def begin(self, trial: Trial) -> None:
        if trial.trial not in self.asked:  # it was not proposed here
            self.study.enqueue_trial(self._params(trial))
            self.asked[trial.trial] = self.study.ask(self._distributions())

    def end(self, trial: Trial, series: Series) -> None:
        """Diverged and pruned trials count as worse than all that finished; failed ones not."""
        self.begin(trial)
        asked, states = self.asked.pop(trial.trial), self.optuna.trial.TrialState
        self._report(asked, series)
        if trial.state == "finished":
            self.study.tell(asked, trial.value)
        else:
            state = states.FAIL if trial.state == "failed" else states.PRUNED
            self.study.tell(asked, state=state)

    def is_hopeless(self, trial: Trial, series: Series) -> bool:
        asked = self.asked[trial.trial]
        self._report(asked, series)
        return bool(asked.should_prune())

    def _report(self, asked: Any, series: Series) -> None:
        known = self.study.get_trials(deepcopy=False)[asked.number].intermediate_values
        for epoch, value in zip(*series, strict=True):
            if epoch not in known:
                asked.report(value, epoch)

    def _distributions(self) -> dict[str, Any]:
        of = self.optuna.distributions
        return {
            dim.key: of.CategoricalDistribution(range(len(dim.values)))
            if dim.kind == "choice"
            else of.IntDistribution(int(dim.low), int(dim.high))
            if dim.kind == "int"
            else of.FloatDistribution(dim.low, dim.high, log=dim.kind == "log")
            for dim in self.space
        }

    def _params(self, trial: Trial) -> dict[str, Any]:
        """The values as Optuna has them: of a choice, its place."""
        return {
            dim.key: dim.values.index(value) if dim.kind == "choice" else value
            for dim in self.space
            for value in [trial.values[dim.key]]
        }


def _value(dim: Dimension, param: Any) -> Any:
    if dim.kind == "choice":
        return dim.values[param]
    return param if dim.kind == "int" else dim.rounded(param)


def need_optuna() -> Any:
    """Optuna, without its chatter; ``DataError`` with installation advice if it is missing."""
    try:
        import optuna
    except ImportError:
        raise DataError(
            "--method tpe and --prune need Optuna; install it with: pip install 'cnntrain[sweep]'"
        ) from None
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna
