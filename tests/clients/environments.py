"""The clients that are tried, in the versions that docs/protocols.md tells of; each in an environment of its own.

As a program, builds what is not there yet: `python -m tests.clients.environments`.
"""

from tests.framework_env import framework_python

ENVIRONMENTS = {
    "kserve": ("kserve==0.21.0",),
    "mlserver": ("mlserver==1.7.1", "pandas==2.3.3", "httpx"),
}

if __name__ == "__main__":
    for name, requirements in ENVIRONMENTS.items():
        print(name, framework_python(requirements))
