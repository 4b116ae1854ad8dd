"""The data plane: how nodes learn of each other, and how a request finds a task."""
