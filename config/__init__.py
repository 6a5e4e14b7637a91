"""What people configure: the only I/O here is reading the file."""
