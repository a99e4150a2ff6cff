"""Thresholds that learn: ``scalar`` and ``bank`` are the detector, ``rule`` puts it to work."""
