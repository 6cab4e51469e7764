"""What the simulated OpenAI says and in which bytes: prose, tool calls, JSON, wire shapes, faults. No sockets."""
