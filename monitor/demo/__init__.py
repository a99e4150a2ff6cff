"""A made-up hour of a made-up fleet, so that dashboards show something at once."""
