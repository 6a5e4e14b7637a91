"""What strangers can send, searched by a fuzzer that sees which lines it reaches."""
