"""Schemathesis asks a platform everything that its description offers, right and wrong: `asks_schemathesis.py URL KEY
FEW|MANY`. The platform is one to throw away: things are made, changed, deleted and revoked.

Tells every failure of its checks, and how much was asked. Loaded by Schemathesis itself, it is its hooks.
"""

import json
import os
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

CHECKS = (
    *("no_defect", "status_code_conformance", "content_type_conformance", "response_headers_conformance"),
    *("response_schema_conformance", "negative_data_rejection", "missing_required_header", "unsupported_method"),
    *("allow_header_conformance", "ignored_auth", "use_after_free"),
)
METHODS = ("TRACE", "PATCH")  # which the paths that don't have them must refuse
REFUSALS = (*range(400, 410), 412, 415, 429, 501, 503, 504)  # 412: an ETag is compared before all else
_OWN = "BMS_OWN"  # names of the key that asks and of its user, which must outlive the asking


def main(url: str, key: str, size: str) -> None:
    asking = urllib.request.Request(f"{url}/api/v1/whoami", headers={"authorization": f"Bearer {key}"})
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(asking, timeout=30) as answer:
        own = json.load(answer)
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.json")
        config = Path(folder, "schemathesis.toml")
        config.write_text(
            f"[phases.coverage]\nunexpected-methods = {json.dumps(METHODS)}\n"
            f"[checks.negative_data_rejection]\nexpected-statuses = {json.dumps(REFUSALS)}\n"
        )
        phases, examples = ("fuzzing", "3") if size == "few" else ("coverage,fuzzing,stateful", "25")
        command = (
            *(str(Path(sys.executable).parent / "schemathesis"), "--config-file", str(config)),
            *("run", f"{url}/api/v1/openapi.json", "--header", f"Authorization: Bearer {key}"),
            *("--checks", ",".join(CHECKS), "--continue-on-failure", "--seed", "1", "--no-color", "--no-shrink"),
            *("--request-timeout", "30", "--report", "json", "--report-json-path", str(report)),
            *("--phases", phases, "--max-examples", examples),
        )
        environment = {
            **os.environ,
            "SCHEMATHESIS_HOOKS": str(Path(__file__).resolve()),
            _OWN: f"{own['key']} {own['user']} asker",
            "NO_PROXY": "*",
        }
        ended = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, timeout=1500, check=False
        )
        if not report.exists():
            sys.exit(ended.stdout + ended.stderr)
        print(ended.stdout, file=sys.stderr)
        print(json.dumps(json.loads(report.read_text())))


if __name__ == "__main__":
    main(*sys.argv[1:])
else:
    import schemathesis

    @schemathesis.hook
    def before_call(context, case, kwargs):  # type: ignore[no-untyped-def]
        """Leaves the key that asks alone, and its user. Of names that may be there, some are those that are."""
        given = case.path_parameters or {}
        if case.meta and case.meta.generation.mode.is_positive and case.method != "DELETE":
            for name, there in (("model", "adds"), ("deployment", "adds"), ("number", "1"), ("version", "1")):
                if name in given and len(str(given[name])) % 2:
                    given[name] = there
        for name in ("key", "user"):
            if given.get(name) in os.environ[_OWN].split():
                given[name] = "another"

    @schemathesis.check
    def no_defect(context, response, case):  # type: ignore[no-untyped-def]
        """What can't be answered now, or is not offered, is said so by 501, 503 and 504; 500 is ours to mend."""
        assert response.status_code not in (500, 502), response.text
