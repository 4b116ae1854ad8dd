"""Speed, measured as CPU time and as ratios against a peer in the same run. `make bench` prints it; no test depends on it."""
