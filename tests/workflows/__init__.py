"""Whole stories, and the parts that they are made of."""
