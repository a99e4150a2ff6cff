"""Being a service: what the service manager is told, and the files that make Camwatch one.

notify    sd_notify(3): ready, status, watchdog, reloading, stopping
pulse     whether we are well enough to feed the watchdog
attend    the task that speaks to the service manager
install   ``camwatch install-service``: units, user, directories
"""
