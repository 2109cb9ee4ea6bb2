"""What reaches clients without being asked each time: streams, messages, WebSockets."""
