"""How Camwatch itself is doing, for machines that ask: ``/metrics``, ``/healthz``, ``/readyz``."""
