"""The providers that the vendor knows, by the names of its file, and what is particular about some. Values only."""

from __future__ import annotations

SERVICES = (
    "Google", "GoogleBot", "Office365", "EWS", "IMAP", "Salesforce", "Salesflare", "Repfabric", "MsTeamsBot", "Slack",
    "SlackBot", "SugarCRM", "HighLevel", "Hubspot", "Zoom", "ZoomBot", "Webex", "WebexBot", "Pipedrive", "EclipseERP",
    "AutoQuotes", "NetSuite", "MCTrade", "SpecPath", "Zoho", "Clientify", "QuickBooks", "ActiveCampaign", "Creatio",
    "ConstantContact", "Fishbowl", "iCloud",
)  # fmt: skip
NOT_DAEMON = tuple(
    name for name in SERVICES if name not in ("GoogleBot", "MsTeamsBot", "SlackBot", "ZoomBot", "MCTrade")
)
DAEMON = (
    "Google", "GoogleBot", "Office365", "EWS", "MsTeamsBot", "Slack", "SlackBot", "ZoomBot", "MCTrade", "Zoho",
)  # fmt: skip

# Signed in to with a password, in a form of the vendor's own; the others ask for consent on the provider's pages.
BY_PASSWORD = ("IMAP", "EWS", "iCloud")
# Of these, those where a person names the server.
WITH_SERVER = ("IMAP", "EWS")
# Whose provider can be asked whether the token still works.
PINGABLE = ("Google", "Office365", "Salesforce", "NetSuite", "IMAP")
# Whose credentials can be tried before an account is made of them.
CONNECTABLE = ("Office365", "Google", "IMAP")

_PROVIDERS = {
    "GoogleBot": "Google", "MsTeamsBot": "Office365", "SlackBot": "Slack", "ZoomBot": "Zoom", "WebexBot": "Webex",
}  # fmt: skip


def provider_of(service_type: str) -> str:
    """The `serviceProvider` that goes with a `serviceType`."""
    return _PROVIDERS.get(service_type, service_type)
