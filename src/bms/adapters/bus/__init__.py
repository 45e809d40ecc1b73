"""The message bus between control and its gateways, over a Unix socket: `server` is control's end, `client` a
gateway's."""
