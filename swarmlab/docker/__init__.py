"""The learner's steering wheel: Docker's commands as text, its tables, its stack files."""
