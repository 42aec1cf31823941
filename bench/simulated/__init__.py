"""How true the verdicts are: simulated services through the real tile rules and gates."""
