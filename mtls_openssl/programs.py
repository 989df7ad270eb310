"""The programs whose configuration can be printed, by the side of a connection they stand on."""

SERVER_TARGETS = (
    "nginx", "openldap", "apache", "haproxy", "postgresql", "mosquitto", "redis", "stunnel",
)  # fmt: skip
"""The documents' two come first."""
CLIENT_TARGETS = (
    "curl", "firefox", "chromium", "python", "node", "java", "ldap", "kubernetes",
)  # fmt: skip
