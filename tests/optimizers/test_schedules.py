"""Schedules: exact values at selected steps, preceded by a warm-up, without state."""

import dataclasses
import math

import pytest

from cnntrain.errors import ConfigError
from cnntrain.optimizers.schedules import (
    Clock,
    Constant,
    Cosine,
    Exponential,
    Inv,
    MultiStep,
    OneCycle,
    PiecewiseLinear,
    Plateau,
    Poly,
    Schedule,
    Sigmoid,
    Step,
)

CLOCK = Clock(steps_per_epoch=10, total_steps=100)
NEEDED = {  # options that a kind requires
    "step": {"every_epochs": 2.0},
    "multistep": {"at_epochs": (2.0, 5.0)},
    "sigmoid": {"gamma": -0.1, "center_steps": 50},
    "piecewise_linear": {"points": ((0.0, 1.0), (10.0, 0.0))},
}
KINDS = [pytest.param(kind, NEEDED.get(name, {}), id=name) for name, kind in Schedule.kinds.items()]
every_kind = pytest.mark.parametrize(("kind", "options"), KINDS)


@every_kind
@pytest.mark.parametrize("warmup_epochs", [0.0, 2.0])
def test_factors_are_floats_between_0_and_1(kind, options, warmup_epochs):
    schedule = kind(**options, warmup_epochs=warmup_epochs)
    for step in range(CLOCK.total_steps + 5):
        factor = schedule.factor(step, CLOCK)
        assert type(factor) is float
        assert 0 <= factor <= 1


@every_kind
def test_factors_depend_only_on_the_step(kind, options):
    schedule = kind(**options, warmup_epochs=1.0)
    forwards = [schedule.factor(step, CLOCK) for step in range(100)]
    backwards = [schedule.factor(step, CLOCK) for step in reversed(range(100))]
    assert forwards == backwards[::-1]


@every_kind
def test_a_schedule_without_sees_end_is_the_same_for_longer_training(kind, options):
    schedule = kind(**options)
    longer = dataclasses.replace(CLOCK, total_steps=500)
    same = [schedule.factor(s, CLOCK) == schedule.factor(s, longer) for s in range(100)]
    assert all(same) is not schedule.sees_end


@every_kind
def test_warm_up_is_linear_and_ends_where_the_schedule_begins(kind, options):
    plain, warm = kind(**options), kind(**options, warmup_epochs=2.0)
    found = [warm.factor(step, CLOCK) for step in range(20)]
    assert found == pytest.approx([(step + 1) / 20 for step in range(20)], rel=1e-15)
    shorter = dataclasses.replace(CLOCK, total_steps=80)  # what is left after the warm-up
    for step in (0, 1, 17, 79):
        assert warm.factor(20 + step, CLOCK) == plain.factor(step, shorter)


@every_kind
def test_round_trip_through_yaml(kind, options, read_back):
    schedule = kind(**options, warmup_epochs=1.5)
    assert read_back(Schedule, schedule) == schedule


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (Constant(), {0: 1.0, 99: 1.0, 1000: 1.0}),
        (Constant(warmup_epochs=0.5), {0: 0.2, 1: 0.4, 3: 0.8, 4: 1.0, 5: 1.0, 50: 1.0}),
        (Step(every_epochs=2.0), {0: 1.0, 19: 1.0, 20: 0.1, 39: 0.1, 40: 0.01, 99: 1e-4}),
        (Step(every_epochs=0.25, gamma=0.5), {0: 1.0, 2: 1.0, 3: 0.5, 5: 0.25, 7: 0.25, 8: 0.125}),
        (
            Step(every_epochs=1.0, gamma=0.5, warmup_epochs=1.0),
            {9: 1.0, 19: 1.0, 20: 0.5, 30: 0.25},
        ),
        (
            Cosine(),
            {0: 1.0, 25: 0.5 + math.sqrt(0.125), 50: 0.5, 75: 0.5 - math.sqrt(0.125), 100: 0.0},
        ),
        (Cosine(final=0.1), {0: 1.0, 50: 0.55, 100: 0.1, 150: 0.1}),
        (Cosine(warmup_epochs=2.0), {0: 0.05, 19: 1.0, 20: 1.0, 60: 0.5, 100: 0.0}),
    ],
    ids=str,
)
def test_values_by_hand(schedule, expected):
    found = {step: schedule.factor(step, CLOCK) for step in expected}
    assert found == pytest.approx(expected, rel=1e-12, abs=1e-15)


@pytest.mark.parametrize(("every", "per_epoch"), [(0.07, 100), (0.57, 100), (1.1, 10), (1 / 3, 9)])
def test_step_falls_at_the_intended_step(every, per_epoch):
    """0.07 * 100 is 7.000000000000001 in floating point; the rate must still fall at step 7."""
    schedule, clock = Step(every_epochs=every), Clock(per_epoch, 10_000)
    at = round(every * per_epoch)
    assert schedule.factor(at - 1, clock) == 1.0
    assert schedule.factor(at, clock) == pytest.approx(0.1)


def test_cosine_never_rises():
    factors = [Cosine(final=0.05).factor(step, CLOCK) for step in range(120)]
    assert factors == sorted(factors, reverse=True)


@pytest.mark.parametrize("total_steps", [1, 2])
def test_the_shortest_training(total_steps):
    clock = Clock(steps_per_epoch=1, total_steps=total_steps)
    assert Cosine().factor(0, clock) == 1.0


def test_a_warm_up_longer_than_the_training_is_rejected():
    Constant(warmup_epochs=9.9).check(CLOCK)
    with pytest.raises(ConfigError) as caught:
        Constant(warmup_epochs=10.0).check(CLOCK)
    assert str(caught.value).removeprefix("schedule: ") == (
        "the warm-up takes 100 steps, but training ends after 100; "
        "shorten 'warmup_epochs' or train longer"
    )


def test_without_warm_up_any_training_is_long_enough():
    Constant().check(Clock(steps_per_epoch=1, total_steps=1))


# Against PyTorch's schedulers

STEPS = 60


def factors_of(torch, name, **options):
    """The factors of PyTorch's scheduler, stepped once per step."""
    W = torch.zeros(1, requires_grad=True)
    optimizer = torch.optim.SGD([W], lr=1.0)
    scheduler = getattr(torch.optim.lr_scheduler, name)(optimizer, **options)
    found = []
    for _ in range(STEPS):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return found


@pytest.mark.parametrize(
    ("schedule", "name", "options"),
    [
        (Step(every_steps=7, gamma=0.5), "StepLR", {"step_size": 7, "gamma": 0.5}),
        (MultiStep(at_steps=(5, 20, 21)), "MultiStepLR", {"milestones": [5, 20, 21]}),
        (MultiStep(at_epochs=(0.5, 2.0)), "MultiStepLR", {"milestones": [5, 20]}),
        (Exponential(gamma=0.8), "ExponentialLR", {"gamma": 0.8**0.1}),
        (Poly(power=2.0), "PolynomialLR", {"total_iters": STEPS, "power": 2.0}),
        (Cosine(final=0.1), "CosineAnnealingLR", {"T_max": STEPS, "eta_min": 0.1}),
        (Cosine(restarts=2, final=0.1), "CosineAnnealingWarmRestarts", {"T_0": 20, "eta_min": 0.1}),
        (Cosine(restarts=1, stretch=2.0), "CosineAnnealingWarmRestarts", {"T_0": 20, "T_mult": 2}),
    ],
    ids=str,
)
def test_equals_pytorch(torch, schedule, name, options):
    clock = Clock(steps_per_epoch=10, total_steps=STEPS)
    found = [schedule.factor(step, clock) for step in range(STEPS)]
    assert found == pytest.approx(factors_of(torch, name, **options), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("options", [{}, {"peak": 0.5, "start": 10.0, "end": 100.0}], ids=str)
def test_one_cycle_equals_pytorch_except_for_the_last_step(torch, options):
    """PyTorch reaches the end in the last step, cnntrain one step later."""
    theirs = {"peak": "pct_start", "start": "div_factor", "end": "final_div_factor"}
    names = {theirs[key]: value for key, value in options.items()}
    expected = factors_of(torch, "OneCycleLR", max_lr=1.0, total_steps=STEPS + 1, **names)
    cycle, clock = OneCycle(**options), Clock(steps_per_epoch=10, total_steps=STEPS)
    found = [cycle.factor(step, clock) for step in range(STEPS)]
    assert found == pytest.approx(expected, abs=0.06)  # PyTorch's peak is one step earlier
    peak = found.index(max(found))
    assert peak == round(options.get("peak", 0.3) * STEPS)
    assert found[peak] == 1.0
    assert found[0] == pytest.approx(1 / options.get("start", 25.0))
    floor = 1 / (options.get("start", 25.0) * options.get("end", 1e4))
    assert cycle.factor(STEPS, clock) == pytest.approx(floor)


def test_plateau_drops_after_epochs_without_progress():
    """The count restarts after each drop and each improvement."""
    plateau, drops, found = Plateau(patience_epochs=2, gamma=0.5), 0, []
    for stale in (0, 1, 2, 3, 4, 5, 0, 1, 0, 1, 2):
        drops = plateau.drops_after(stale, drops)
        found.append(plateau.factor(0, dataclasses.replace(CLOCK, drops=drops)))
    assert found == [1, 1, 0.5, 0.5, 0.25, 0.25, 0.25, 0.25, 0.25, 0.25, 0.125]


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (Inv(gamma=0.1, power=2.0), {0: 1.0, 10: 0.25, 90: 0.01}),
        (Sigmoid(gamma=-0.5, center_steps=10), {10: 0.5, 0: 1 / (1 + math.exp(-5)), 10_000: 0.0}),
        (PiecewiseLinear(points=((1.0, 0.5), (3.0, 1.0), (4.0, 0.0))),
         {0: 0.5, 10: 0.5, 20: 0.75, 30: 1.0, 35: 0.5, 40: 0.0, 99: 0.0}),
        (Exponential(gamma=0.5), {0: 1.0, 10: 0.5, 25: 0.5**2.5}),
        (Constant(warmup_epochs=1.0, warmup="exponential", warmup_start=0.01),
         {4: 0.1, 9: 1.0, 10: 1.0}),
    ],
    ids=str,
)  # fmt: skip
def test_more_values_by_hand(schedule, expected):
    found = {step: schedule.factor(step, CLOCK) for step in expected}
    assert found == pytest.approx(expected, rel=1e-12, abs=1e-15)
