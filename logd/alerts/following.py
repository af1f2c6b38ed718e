"""How the row of an alert goes on when its group changes, so that what people know of it isn't lost."""

from __future__ import annotations

from msgspec.structs import replace

from logd.seams import Alert, AlertStage


def followed(before: Alert | None, now: Alert) -> Alert:
    """What to keep in the place of `before`: `now`, which says nothing yet of who was told, with what was told before.

    Who fires anew before people were told that it had ended, goes on firing for them: `fired_us` stays, and with it the
    firing's key, its acknowledgement, and its end, which is told once. Of one that is pending by then `fired_us` and
    `ended_us` are of the firing before, until its end is told."""
    if before is None:
        return now
    known = replace(now, told_us=before.told_us, spoken_us=before.spoken_us, held=before.held)
    if before.told and not before.told_end:
        known = replace(known, told=before.told, told_to=before.told_to, fired_us=before.fired_us)
        if now.stage is AlertStage.PENDING:
            return replace(known, ended_us=before.ended_us or now.at_us)
        return known
    if now.fired_us is not None and now.fired_us == before.fired_us:
        return replace(known, told=before.told, told_to=before.told_to, told_end=before.told_end)
    return replace(known, held="")


def calmed(pending: Alert, at_us: int) -> Alert | None:
    """What to keep of one that was pending when its condition is no longer true; None for nothing, it is gone. What was
    told before still counts, for the cooldown and for an end that people don't know of."""
    if pending.told_us is None:
        return None
    return replace(pending, stage=AlertStage.RESOLVED, at_us=at_us, ended_us=pending.ended_us or at_us)
