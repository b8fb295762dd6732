"""Stand-ins of cloud services on this machine. The real client libraries talk to them; nothing of ours is replaced."""
