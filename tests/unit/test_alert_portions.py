"""What is kept in portions is all of it, messages first."""

from __future__ import annotations

import pytest

from logd.roles import alert_portions
from logd.roles.alert_portions import Portion, in_portions
from logd.seams import Alert, AlertStage, Delivery, Event


def test_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alert_portions, "MOST", 2)
    stage = AlertStage.FIRING
    alerts = [Alert(rule_id=f"{n}", rule="r", stage=stage, since_us=1, value=1.0, at_us=1) for n in range(3)]
    events = [Event(at_us=n, rule_id="a", rule="r", what="firing") for n in range(3)]
    told = [
        Delivery(id=f"{n}", rule_id="a", rule="r", target="t", action={}, notification={}, made_us=1) for n in range(3)
    ]
    gone = [("a", (f"{n}",)) for n in range(3)]
    assert list(in_portions(alerts[:1], (), events[:1], ())) == [Portion(alerts[:1], (), events[:1], ())]
    assert list(in_portions((), (), (), ())) == [Portion()], "the clock alone"
    found = list(in_portions(alerts, gone, events, told))
    assert [one for portion in found for one in portion.alerts] == alerts
    assert [one for portion in found for one in portion.events] == events
    assert [one for portion in found for one in portion.deliveries] == told
    assert [one for portion in found for one in portion.gone] == gone
    assert found[0].deliveries == told[:2]
    assert max(sum(map(len, portion)) for portion in found) == 2
