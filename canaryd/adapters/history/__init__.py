"""What happened, kept in SQLite for people; never read by a decision, never in the way of one."""
