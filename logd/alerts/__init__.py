"""What is watched in the stream: rules, their windows, what fires, and who is told."""
