"""Physics: time, chance, machines, links and the record of what happened. It has never heard of Docker."""
