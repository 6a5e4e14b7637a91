"""python-gitlab's own functional tests, run against the sandbox: fixtures and what is expected."""
