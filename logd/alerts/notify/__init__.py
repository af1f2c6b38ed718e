"""Who is told that an alert fires or is resolved, and how; one file per kind of action.

Notification ── a kind's request ── secrets ── target's turn ── guard ── answer ── again, or an Outcome
"""
