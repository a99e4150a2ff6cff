"""The Grafana dashboards, built from typed Python: ``python -m tools.dashboards`` writes the JSON.

One file a dashboard; each is built in Chinese and in English from the same description, so that the two
cannot drift apart, and every measurement, tag and field is checked against the schema table by a test.
"""
