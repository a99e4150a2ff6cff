"""Results → device states.

track     what is held of one device: its settings, its transitions, its flapping window
excluded  the exclusions in force
tracker   the judge: confirmation, parents, our own uplink
"""

from monitor.states.track import Changes, Flap, StateSettings, Track, Transition, flap_percent
from monitor.states.tracker import States

__all__ = ["Changes", "Flap", "StateSettings", "States", "Track", "Transition", "flap_percent"]
