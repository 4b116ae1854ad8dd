"""What every node runs: the engine a person talks to, the agent that works for the swarm, the container runtime."""
