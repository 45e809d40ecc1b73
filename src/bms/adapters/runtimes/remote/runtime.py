"""The runtime of remote models: a server that speaks OIP or the OpenAI protocol answers for the file
`upstream.json`."""

import os
from collections.abc import Callable

from bms.adapters.runtimes.artifacts.description import small_file
from bms.core.errors import FailedPrecondition, InvalidArgument
from bms.core.serving.upstreams import BESIDE, FILE
from bms.core.workloads.programs import ServableConfig
from bms.serving.inference.runtime import Recognition
from bms.serving.lifecycle.servable import Servable


class RemoteRuntime:
    """Runs nothing of a tenant's: the process holds a secret, and its environment is the platform's own."""

    name = "remote"

    def recognises(self, directory: str) -> Recognition | None:
        try:
            if not BESIDE.issuperset(os.listdir(directory)):
                return None
            content = small_file(directory, FILE)
        except (OSError, FailedPrecondition):
            return None
        # Whether all of it is right is for `load` to say, in words.
        if content is None or not content.lstrip().startswith(b"{"):
            return None
        return Recognition(format="upstream", whole=True) if b'"url"' in content and b'"protocol"' in content else None

    def load(self, config: ServableConfig) -> Servable:
        # What speaks HTTP and knows addresses is imported here: most model servers need neither.
        from bms.adapters.runtimes.remote.http import Http
        from bms.adapters.runtimes.remote.oip import OipServable
        from bms.adapters.runtimes.remote.openai import EmbeddingsServable, GenerateServable
        from bms.core.serving.upstreams import parse_allowed, place_of, read_upstream

        servables: dict[str, Callable[..., Servable]]
        servables = {"oip": OipServable, "openai": GenerateServable, "openai-embeddings": EmbeddingsServable}
        content = small_file(config.directory, FILE)
        if content is None or self.recognises(config.directory) is None:
            try:
                names = sorted(os.listdir(config.directory))
            except OSError as error:
                raise FailedPrecondition(f"the artifact can't be read: {error.strerror}") from error
            held = ", ".join(map(repr, names[:10])) or "nothing"
            raise FailedPrecondition(
                f"runtime {self.name!r} expects a file {FILE!r} with a url and a protocol, and none beside it: the "
                f"artifact holds {held}"
            )
        try:
            upstream = read_upstream(content)
            allowed = parse_allowed(config.sealed.upstreams)
        except InvalidArgument as error:
            raise FailedPrecondition(error.message) from None
        secret = None
        if upstream.secret is not None and (secret := config.sealed.secrets.get(upstream.secret)) is None:
            raise FailedPrecondition(
                f"the secret {upstream.secret!r} was not handed to this process: set it with `bms secret set "
                f"{upstream.secret}`"
            )
        http = Http(place_of(upstream.url), allowed, secret, upstream.timeout_s, kept=upstream.concurrency)
        try:
            return servables[upstream.protocol](http, upstream, config.signatures)
        except BaseException:
            http.close()
            raise
