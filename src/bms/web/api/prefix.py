"""The path prefix of a reverse proxy in front of the platform: `X-Forwarded-Prefix`, as the gateway vouches for it.

The proxy cuts it off before it asks; redirects and the description's own address need it again.
"""

from starlette.types import ASGIApp, Receive, Scope, Send

NAME = b"x-forwarded-prefix"


class Prefixed:
    """ASGI middleware that sets the prefix as the application's root path."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        prefix = dict(scope.get("headers", ())).get(NAME, b"").decode("ascii", "replace")
        if scope["type"] == "http" and prefix:
            raw = scope.get("raw_path") or b""
            scope = {
                **scope,
                "root_path": prefix,
                "path": prefix + scope["path"],
                "raw_path": prefix.encode() + raw,
            }
        await self.app(scope, receive, send)
