"""The courier: a helper process that sends, so that no send can harm the daemon.

Apprise's own concurrency is one thread pool for all: a hanging target delays the good ones, and a thread
cannot be killed. Here each send is a child process that is forked from a courier which has Apprise loaded
already (about a millisecond), does one thing, and is killed when its deadline passes.

``client`` is the daemon's side and imports no Apprise; ``python -m monitor.notifiers.courier`` is the
process.
"""
