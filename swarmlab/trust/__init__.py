"""Whom to trust: join tokens, certificates, and the papers that a node shows. Plain functions of plain values."""
