"""The gateway: one address with a login in front of every web page.

Caddy takes every request (:mod:`.proxy`). For the pages of other programs (:mod:`.sites`: Dagster,
MLflow, Temporal, Grafana and so on) it first asks the login (:mod:`.app`) whether this person may
do this (:mod:`.deciding`); everything else is a page of Jarvis' own (:mod:`.pages`).
"""
