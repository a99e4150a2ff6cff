"""Signs of coming failure: what of a device has changed for the worse of late, and how far to trust that.

``kinds`` says which signs there are, ``means`` remembers, ``score`` judges, ``calls`` keeps the record of
what was foretold; all pure. ``keeper`` is the rim.
"""
