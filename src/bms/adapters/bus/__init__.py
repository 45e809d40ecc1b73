"""The private line between control and its gateways: `client` is a gateway's end."""
