"""Everything that may die, killed at every step of a promotion; and a forge that fails at each."""
