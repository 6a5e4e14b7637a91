"""The dashboard: what is open, what it waits for and who works, for people who only look."""
