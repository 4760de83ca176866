"""Every schedule at every step, against the same formula in exact rational arithmetic.

A twin gets its options as fractions and finds by them alone where a step stands; only the last
function (a cosine, a power) is taken in floating point. A schedule without a twin fails.
"""

import itertools
import math
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cnntrain.optimizers.schedules import Clock, Cosine, MultiStep, Schedule, Step, rational


def written(x):
    """The decimal number or the simple quotient that a float was written as."""
    simple = Fraction(x).limit_denominator(10**6)
    return simple if float(simple) == x else Fraction(repr(x))


def wave(x):
    """½ (1 - cos π x) for a fraction x, folded so that little is lost near 0 and 1."""
    return math.sin(math.pi * float(x) / 2) ** 2 if x <= Fraction(1, 2) else 1 - wave(1 - x)


def left_of(step, rest):
    return max(Fraction(0), 1 - Fraction(step, rest))


def constant(schedule, step, rest, clock):
    return 1.0


def step_(schedule, step, rest, clock):
    every = schedule.every_steps or written(schedule.every_epochs) * clock.steps_per_epoch
    return schedule.gamma ** (Fraction(step) // every)


def multistep(schedule, step, rest, clock):
    epochs = [written(epoch) * clock.steps_per_epoch for epoch in schedule.at_epochs]
    return schedule.gamma ** sum(step >= at for at in (*epochs, *schedule.at_steps))


def exponential(schedule, step, rest, clock):
    return math.exp(math.log(schedule.gamma) * Fraction(step, clock.steps_per_epoch))


def inv(schedule, step, rest, clock):
    return float(1 + Fraction(schedule.gamma) * step) ** -schedule.power


def poly(schedule, step, rest, clock):
    return float(left_of(step, rest)) ** schedule.power


def sigmoid(schedule, step, rest, clock):
    x = float(Fraction(schedule.gamma) * (step - schedule.center_steps))
    return 1 / (1 + math.exp(-x)) if x > -700 else math.exp(x)


def cosine(schedule, step, rest, clock):
    stretch = written(schedule.stretch)
    lengths = [stretch**k for k in range(schedule.restarts + 1)]
    at = Fraction(step, rest) * sum(lengths)
    while len(lengths) > 1 and at >= lengths[0]:
        at -= lengths.pop(0)
    left = max(Fraction(0), 1 - at / lengths[0])
    return schedule.final + (1 - schedule.final) * wave(left)


def one_cycle(schedule, step, rest, clock):
    share, peak = 1 - left_of(step, rest), Fraction(schedule.peak)
    low, floor = 1 / schedule.start, 1 / (schedule.start * schedule.end)
    if share < peak:
        return low + (1 - low) * wave(share / peak)
    return floor + (1 - floor) * wave((1 - share) / (1 - peak))


def plateau(schedule, step, rest, clock):
    return max(schedule.least, schedule.gamma**clock.drops)


def piecewise_linear(schedule, step, rest, clock):
    epoch = Fraction(step, clock.steps_per_epoch)
    points = [(written(x), Fraction(y)) for x, y in schedule.points]
    if epoch <= points[0][0]:
        return float(points[0][1])
    for (x0, y0), (x1, y1) in itertools.pairwise(points):
        if epoch <= x1:
            return float(y0 + (y1 - y0) * (epoch - x0) / (x1 - x0))
    return float(points[-1][1])


TWINS = {
    "constant": constant,
    "step": step_,
    "multistep": multistep,
    "exponential": exponential,
    "inv": inv,
    "poly": poly,
    "sigmoid": sigmoid,
    "cosine": cosine,
    "one_cycle": one_cycle,
    "plateau": plateau,
    "piecewise_linear": piecewise_linear,
}

decimals = st.integers(1, 5000).map(lambda n: n / 100)
quotients = st.tuples(st.integers(1, 40), st.integers(1, 12)).map(lambda pair: pair[0] / pair[1])
times = st.one_of(decimals, quotients)
factors = st.integers(1, 100).map(lambda n: n / 100)
counts = st.integers(1, 300)
rising = st.lists(times, min_size=1, max_size=5, unique=True).map(sorted)

OPTIONS = {
    "constant": st.just({}),
    "step": st.one_of(
        st.fixed_dictionaries({"every_epochs": times, "gamma": factors}),
        st.fixed_dictionaries({"every_steps": counts, "gamma": factors}),
    ),
    "multistep": st.one_of(
        st.fixed_dictionaries({"at_epochs": rising.map(tuple), "gamma": factors}),
        st.fixed_dictionaries({"at_steps": st.lists(counts, min_size=1).map(tuple)}),
    ),
    "exponential": st.fixed_dictionaries({"gamma": factors}),
    "inv": st.fixed_dictionaries({"gamma": factors, "power": decimals.map(lambda x: x / 10)}),
    "poly": st.fixed_dictionaries({"power": decimals.map(lambda x: x / 10)}),
    "sigmoid": st.fixed_dictionaries(
        {"gamma": st.integers(-500, 500).map(lambda n: n / 100), "center_steps": counts}
    ),
    "cosine": st.fixed_dictionaries(
        {
            "restarts": st.integers(0, 25),
            "stretch": st.one_of(st.just(1.0), times.filter(lambda x: 0.2 <= x <= 4)),
            "final": st.one_of(st.just(0.0), factors),
        }
    ),
    "one_cycle": st.fixed_dictionaries(
        {"peak": st.integers(0, 99).map(lambda n: n / 100), "start": decimals.map(lambda x: x + 1)}
    ),
    "plateau": st.fixed_dictionaries({"gamma": factors, "least": factors}),
    "piecewise_linear": st.lists(
        st.tuples(times, factors), min_size=1, max_size=5, unique_by=lambda point: point[0]
    ).map(lambda points: {"points": tuple(sorted(points))}),
}


def test_every_schedule_has_a_twin():
    assert TWINS.keys() == OPTIONS.keys() == Schedule.kinds.keys()


def expected(schedule, step, clock):
    warmup = round(written(schedule.warmup_epochs) * clock.steps_per_epoch)
    if step < warmup:
        return float(Fraction(step + 1, warmup))
    rest = max(1, clock.total_steps - warmup)
    return TWINS[schedule.kind](schedule, step - warmup, rest, clock)


def assert_as_exact(schedule, step, clock):
    found, exact = schedule.factor(step, clock), expected(schedule, step, clock)
    assert found == pytest.approx(exact, rel=1e-11, abs=1e-300), (schedule, step, clock)


@pytest.mark.parametrize("kind", Schedule.kinds)
@settings(max_examples=15)
@given(data=st.data(), clock=st.builds(Clock, counts, st.integers(1, 120), st.integers(0, 9)))
def test_every_step_of_any_training(kind, data, clock):
    warmup = data.draw(st.one_of(st.just(0.0), times.map(lambda x: x / 10)))
    schedule = Schedule.kinds[kind](**data.draw(OPTIONS[kind]), warmup_epochs=warmup)
    for step in range(clock.total_steps + 2):
        assert_as_exact(schedule, step, clock)


@pytest.mark.slow
@pytest.mark.parametrize("kind", Schedule.kinds)
@settings(max_examples=300)
@given(data=st.data(), clock=st.builds(Clock, counts, counts, st.integers(0, 9)))
def test_every_step_of_many_trainings(kind, data, clock):
    schedule = Schedule.kinds[kind](**data.draw(OPTIONS[kind]))
    for step in range(clock.total_steps + 2):
        assert_as_exact(schedule, step, clock)


@pytest.mark.parametrize("kind", Schedule.kinds)
@settings(max_examples=40)
@given(data=st.data(), per_epoch=st.integers(1, 10**6), epochs=st.integers(1, 10**5))
def test_single_steps_of_very_long_trainings(kind, data, per_epoch, epochs):
    clock = Clock(per_epoch, per_epoch * epochs, data.draw(st.integers(0, 9)))
    schedule = Schedule.kinds[kind](**data.draw(OPTIONS[kind]))
    near = data.draw(st.integers(0, clock.total_steps))
    boundary = data.draw(st.integers(0, 26)) * clock.total_steps // 26  # of a cycle, perhaps
    for step in (0, near, boundary, boundary + 1, clock.total_steps - 1, clock.total_steps):
        assert_as_exact(schedule, step, clock)


def test_a_restart_with_a_longer_second_cycle_comes_on_its_step():
    """1/2.3 of 23 epochs are 10; the rate was 0 there, at the end of a cycle that was over."""
    schedule, clock = Cosine(restarts=1, stretch=1.3), Clock(steps_per_epoch=1, total_steps=23)
    assert schedule.factor(10, clock) == 1.0
    assert schedule.factor(9, clock) == pytest.approx(wave(Fraction(1, 10)))


@pytest.mark.parametrize("restarts", range(1, 60))
@pytest.mark.parametrize("stretch", [1.0, 2.0, 0.5])
def test_every_restart_begins_at_the_full_rate(restarts, stretch):
    lengths = [Fraction(stretch) ** k for k in range(restarts + 1)]
    unit = 7 * max(1, *(length.denominator for length in lengths))
    total = int(sum(lengths) * unit)
    schedule, at = Cosine(restarts=restarts, stretch=stretch), 0
    for length in lengths:
        assert schedule.factor(at, Clock(1, total)) == 1.0
        at += int(length * unit)
    assert schedule.factor(at, Clock(1, total)) == 0.0


@pytest.mark.parametrize("stretch", [1e-300, 1e-7, 0.123456789012345, 1e300])
def test_extreme_stretches(stretch):
    schedule, clock = Cosine(restarts=40, stretch=stretch), Clock(1, 1000)
    assert all(0 <= schedule.factor(step, clock) <= 1 for step in range(0, 1001, 50))


@pytest.mark.parametrize(
    ("x", "fraction"),
    [
        (0.07, Fraction(7, 100)),
        (1.3, Fraction(13, 10)),
        (5 / 3, Fraction(5, 3)),
        (2.0, Fraction(2)),
        (2, Fraction(2)),
        (1e-9, Fraction(1, 10**9)),
        (0.1234567890123, Fraction(1234567890123, 10**13)),
    ],
)
def test_a_number_stands_for_what_was_written(x, fraction):
    assert rational(x) == fraction


@pytest.mark.parametrize("epochs", [0.07, 0.14, 0.29, 0.57, 0.58, 1.1, 5 / 3, 2 / 3])
def test_milestones_are_whole_steps(epochs):
    per_epoch = 300
    at, clock = round(epochs * per_epoch), Clock(per_epoch, 10**6)
    for schedule in (Step(every_epochs=epochs), MultiStep(at_epochs=(epochs,))):
        assert schedule.factor(at - 1, clock) == 1.0
        assert schedule.factor(at, clock) == pytest.approx(0.1)
