"""The control plane: from what people ask for to a task on a node, one small step after the other."""
