"""Asking a training to stop."""

import os
import signal

import pytest

from cnntrain.errors import ExitCode
from cnntrain.runs.signals import StopRequest


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGINT, ExitCode.INTERRUPTED), (signal.SIGTERM, ExitCode.TERMINATED)],
)
def test_the_first_signal_is_only_noted(number, code):
    with StopRequest() as request:
        assert (request.received, request.exit_code) == (None, ExitCode.DONE)
        os.kill(os.getpid(), number)
        assert (request.received, request.exit_code) == (number, code)
    assert request.exit_code == code


@pytest.mark.parametrize("first", [signal.SIGINT, signal.SIGTERM])
def test_a_second_interrupt_acts_at_once(first):
    with StopRequest() as request:
        os.kill(os.getpid(), first)
        assert request.received == first
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


def test_after_a_first_signal_the_second_sigterm_kills():
    with StopRequest():
        os.kill(os.getpid(), signal.SIGINT)
        assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


@pytest.mark.parametrize("number", [None, signal.SIGINT, signal.SIGTERM])
def test_afterwards_all_is_as_before(number):
    signals = (signal.SIGINT, signal.SIGTERM)
    before = [signal.getsignal(each) for each in signals]
    with StopRequest():
        assert [signal.getsignal(each) for each in signals] != before
        if number:
            os.kill(os.getpid(), number)
    assert [signal.getsignal(each) for each in signals] == before


def test_an_error_inside_restores_the_handlers_too():
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(ZeroDivisionError), StopRequest():
        _ = 1 / 0
    assert signal.getsignal(signal.SIGINT) == before


def test_it_can_be_used_again():
    request = StopRequest()
    for _ in range(2):
        with request:
            assert signal.getsignal(signal.SIGINT) == request._note
    assert signal.getsignal(signal.SIGINT) != request._note
