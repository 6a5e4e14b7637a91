"""The Forge protocol and its adapters: one file per SDK, the only one importing it."""
