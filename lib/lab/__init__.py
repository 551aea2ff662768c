"""The reference endpoint: an OpenAI-compatible server whose every send time is known."""
