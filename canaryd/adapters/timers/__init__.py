"""Deadlines and alarms on the clock that never jumps; slow rounds by apscheduler."""
