"""The receiver: what is believed, what is taken, what is answered."""
