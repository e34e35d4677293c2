"""Signals that end a run before its time."""

import os
import signal
import threading

import pytest

from cafct_keras.training.devices import ProcessGroup
from cafct_keras.training.stopping import StopRequest


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_first_signal_asks_and_the_second_does_not(number):
    before = signal.getsignal(number)
    stop = StopRequest(group=ProcessGroup(), started=0)
    with stop.listening():
        assert stop.reason() is None
        os.kill(os.getpid(), number)
        assert stop.reason() == signal.Signals(number).name
        for each in (signal.SIGTERM, signal.SIGINT):
            assert signal.getsignal(each) == signal.SIG_DFL
    assert signal.getsignal(number) == before


def test_signals_within_a_thread_are_left_alone():
    stop = StopRequest(group=ProcessGroup(), started=0)
    entered = []

    def listen():
        with stop.listening():
            entered.append(signal.getsignal(signal.SIGTERM))

    before = signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=listen)
    thread.start()
    thread.join()
    assert entered == [before]
