"""``python -m monitor.notifiers.courier``: orders on standard input, reports on standard output."""

from monitor.notifiers.courier.server import main

main()
