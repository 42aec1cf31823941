"""Words and values that every other part speaks; nothing here does I/O or knows a clock."""
