"""The Forge protocol and its adapters: one family of files per SDK, the only one importing it."""
