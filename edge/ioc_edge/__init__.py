"""The agent beside the cameras: frames in, durable events out."""
