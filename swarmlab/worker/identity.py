"""Ids that containers get: see `trust.tokens`."""

from ..trust.tokens import container_id as container_id
