"""The security service: accounts, rights and the audit log."""

from jarvis_dagster.services.security.accounts import Account
from jarvis_dagster.services.security.audit import AuditLog, Head
from jarvis_dagster.services.security.config import SecurityConfig
from jarvis_dagster.services.security.principal import (
    LOCAL,
    Principal,
    acting_as,
    acting_from,
    current_principal,
)
from jarvis_dagster.services.security.service import JarvisSecurityService
from jarvis_dagster.services.security.sessions import Session
from jarvis_dagster.services.security.tokens import Token

__all__ = [
    "LOCAL",
    "Account",
    "AuditLog",
    "Head",
    "JarvisSecurityService",
    "Principal",
    "SecurityConfig",
    "Session",
    "Token",
    "acting_as",
    "acting_from",
    "current_principal",
]
