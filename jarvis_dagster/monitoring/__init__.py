"""The process that watches the platform: metrics, health and alerts over HTTP.

Belongs here: what Prometheus reads and load balancers ask, telling people of services that went
down, and of what Alertmanager says. Does not belong here: what runs measure of themselves
(``sensors/run_metrics``), how a service is asked (``services/health``), the collectors
(``services/analytics``).
"""
