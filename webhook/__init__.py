"""The receiver: verify, parse, dispatch; nothing decides here."""
