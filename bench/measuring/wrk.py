"""wrk, the closed loop over HTTP/1.1: as many connections as asked for, one thread, on the load's core."""

import json
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from measuring.load import Load
from measuring.machine import LOAD_CORE
from measuring.requests import FRESH, Target

WRK = shutil.which("wrk")
_RESULT = re.compile(r"^RESULT (\{.*\})$", re.MULTILINE)
_READ = 'local file = io.open("%s", "rb")\nlocal bytes = file:read("*a")\nfile:close()\n'
_SAME = 'wrk.method = "POST"\nwrk.body = bytes\n'
_FRESH = """
local head, tail = bytes:match("^(.-)%(mark)s(.*)$")
local sent = 0
request = function()
  sent = sent + 1
  return head .. string.format("%%016x", sent) .. tail
end
"""
_MARK = "f" * 16
_DONE = """
done = function(summary, latency, requests)
  local e = summary.errors
  local form = '{"requests":%d,"seconds":%.6f,"errors":%d,"p50_us":%d,"p99_us":%d,"max_us":%d}'
  io.write(string.format('RESULT ' .. form .. '\\n',
    summary.requests - e.status, summary.duration / 1e6, e.connect + e.read + e.write + e.status + e.timeout,
    latency:percentile(50), latency:percentile(99), latency.max))
end
"""


def version(program: str) -> str:
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout
    return " ".join(said.split()[:2])


def run(target: Target, connections: int, seconds: float) -> Load:
    """Raises RuntimeError where wrk says what cannot be read."""
    with tempfile.TemporaryDirectory(prefix="bms-wrk-") as name:
        body, script = Path(name) / "body", Path(name) / "load.lua"
        if target.fresh:
            marked = target._replace(headers={**target.headers, FRESH: _MARK})
            body.write_bytes(marked.raw())
            text = _READ % body + _FRESH % {"mark": _MARK}
        else:
            body.write_bytes(target.body)
            headers = (f'wrk.headers["{key}"] = "{value}"\n' for key, value in target.headers.items())
            text = _READ % body + _SAME + "".join(headers)
        script.write_text(text + _DONE)
        url = f"http://127.0.0.1:{target.port}{target.path}"
        command = [str(WRK), "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "--timeout", "20s"]
        said = subprocess.run(
            ["taskset", "-c", str(LOAD_CORE), *command, "-s", str(script), "--latency", url],
            capture_output=True,
            text=True,
            check=True,
            timeout=seconds + 60,
        ).stdout
    found = _RESULT.search(said)
    if found is None:
        raise RuntimeError(f"wrk said what cannot be read: {said}")
    return Load(**json.loads(found[1]))
