"""When a target is left alone, and when it is tried."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from logd.alerts.notify.breaker import Breaker


@pytest.mark.parametrize(
    ("steps", "waits"),
    [
        # Of what happens at which second: a failure, a success, or a question, which is answered by a wait.
        (["0 bad", "0 bad", "0 ask"], [0]),
        (["0 bad", "0 bad", "0 good", "0 bad", "0 bad", "0 ask"], [0]),
        (["0 bad", "0 bad", "0 bad", "0 ask", "10 ask"], [30, 20]),
        # One try after the rest; others wait for it, and try themselves when it doesn't end.
        (["0 bad", "0 bad", "0 bad", "30 ask", "30 ask", "33 ask", "40 ask", "40 ask"], [0, 10, 7, 0, 10]),
        (["0 bad", "0 bad", "0 bad", "30 ask", "31 bad", "31 ask"], [0, 30]),
        (["0 bad", "0 bad", "0 bad", "30 ask", "31 good", "31 ask", "31 ask"], [0, 0, 0]),
        (["0 bad", "0 bad", "0 bad", "30 ask", "31 good", "31 bad", "31 bad", "31 ask"], [0, 0]),
        # What was under way before it opened.
        (["0 bad", "0 bad", "0 bad", "5 bad", "5 ask"], [30]),
        (["0 bad", "0 bad", "0 bad", "5 good", "5 ask"], [0]),
    ],
)
def test_a_life(steps: Sequence[str], waits: Sequence[float]) -> None:
    breaker = Breaker(failures=3, open_seconds=30.0, try_seconds=10.0)
    found = []
    for step in steps:
        second, what = step.split()
        if what == "ask":
            found.append(breaker.wait_seconds(float(second)))
        elif what == "bad":
            breaker.failed(float(second))
        else:
            breaker.succeeded()
    assert found == waits
