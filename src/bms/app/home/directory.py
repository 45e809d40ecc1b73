"""The home directory: everything that one platform keeps on this machine, and the lock that makes it one.

    HOME/admin.key      the first owner's key, one line            HOME/slim/       packages that workloads are given
    HOME/bms.db         SQLite, unless another database is used    HOME/journal/    usage not shipped yet, per gateway
    HOME/objects/       blobs by digest                            HOME/logs/       one file per process, and
                                                                   those of ended replicas
    HOME/environments/  built ones, by digest                      HOME/run/        what runs now
    HOME/cache/         may be deleted when nothing runs           HOME/secrets/    never leaves this machine
    HOME/platform       the identity that its database has, too    HOME/version     of this layout

All of it is readable by its owner alone.
"""

import errno
import fcntl
import hashlib
import os
import secrets
import stat
from pathlib import Path

import msgspec

from bms.app.exit_codes import ExitCode, Refusal

SCHEMA = 1
FOLDERS = ("objects", "environments", "cache", "slim", "run", "run/workloads", "logs", "journal", "secrets")
PEPPER_BYTES = 32
BUS_TOKEN_BYTES = 32
MASTER_BYTES = 32
OLDER_MASTERS = "master-*"
_DISK = {errno.ENOSPC: "the disk is full", errno.EDQUOT: "the disk quota is used up", errno.EROFS: "it is read-only"}


class Holder(msgspec.Struct, frozen=True, kw_only=True):
    """The process that holds the home's lock: `start_ticks` tells it from a later process of the same pid."""

    pid: int
    start_ticks: int


class Home:
    """The paths below one home directory; `prepare` makes them, `lock` takes the home for this process."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()

    @property
    def mark(self) -> str:
        """The marker that processes of this home carry in their environment; the local cluster computes the same."""
        return hashlib.sha256(os.fsencode(self.root)).hexdigest()[:16]

    @property
    def admin_key(self) -> Path:
        return self.root / "admin.key"

    @property
    def database_url(self) -> str:
        return f"sqlite:///{self.root / 'bms.db'}"

    @property
    def endpoint(self) -> Path:
        return self.root / "run" / "endpoint.json"

    @property
    def run(self) -> Path:
        return self.root / "run"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    def journal(self, slot: int) -> Path:
        return self.root / "journal" / str(slot)

    def snapshot(self, slot: int) -> Path:
        """The snapshot file by which gateway `slot` routes while control is away."""
        return self.journal(slot) / "snapshot"

    def prepare(self) -> None:
        """Makes the directories that are missing. Raises Refusal when the disk does not allow it, or the home is a
        newer version's."""
        try:
            self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._check_schema()
            self.root.chmod(0o700)
            for folder in FOLDERS:
                (self.root / folder).mkdir(exist_ok=True, mode=0o700)
        except OSError as error:
            raise disk_refusal(self.root, error) from error

    def lock(self) -> int:
        """Locks the home; the descriptor holds it until it is closed or its process ends. Raises Refusal if another
        process does."""
        descriptor = os.open(self.root / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = self.holder()
            os.close(descriptor)
            who = f" (process {holder.pid})" if holder else ""
            raise Refusal(
                ExitCode.ALREADY_RUNNING,
                f"a server already runs on {self.root}{who}: use it, stop it with `bms down --home {self.root}`, "
                "or choose another --home",
            ) from None
        return descriptor

    def hold(self, lock: int, holder: Holder) -> None:
        """Writes down who holds the lock."""
        os.ftruncate(lock, 0)
        os.pwrite(lock, msgspec.json.encode(holder), 0)

    def holder(self) -> Holder | None:
        """The process that held the lock last; it may be gone."""
        try:
            return msgspec.json.decode((self.root / "lock").read_bytes(), type=Holder)
        except (FileNotFoundError, msgspec.DecodeError):
            return None

    def pepper(self) -> bytes:
        """The 32 bytes that key the digests of API keys' secrets. Raises Refusal if damaged."""
        return self._secret("pepper", PEPPER_BYTES, "restore it, or no key works any more")

    def bus_token(self) -> str:
        """The token by which gateways authenticate to control, in hexadecimal digits. Raises Refusal if damaged."""
        return self._secret("bus", BUS_TOKEN_BYTES, "remove it while nothing runs: a new one is made").hex()

    def replicas_key(self) -> bytes:
        """The key from which the tokens of model servers are derived. Raises Refusal if damaged."""
        return self._secret("replicas", MASTER_BYTES, "remove it while nothing runs: a new one is made")

    def masters(self) -> list[bytes]:
        """The encryption keys of tenants' secrets: `master` encrypts, files beside it named `master-…` decrypt what was
        encrypted with former ones. Raises Refusal for a damaged one."""
        remedy = "put back the file that was there, or the secrets that were encrypted with it have to be set again"
        older = sorted((self.root / "secrets").glob(OLDER_MASTERS))
        return [self._secret(name, MASTER_BYTES, remedy) for name in ("master", *(path.name for path in older))]

    def _secret(self, name: str, size: int, remedy: str) -> bytes:
        """A secret of the home: made at random once, kept for ever."""
        path = self.root / "secrets" / name
        if not path.exists():
            written = path.with_name(f"{name}.{os.getpid()}")
            write_private(written, secrets.token_bytes(size))
            try:
                os.link(written, path)
            except FileExistsError:
                pass
            finally:
                written.unlink()
        secret = path.read_bytes()
        if len(secret) != size:
            raise Refusal(ExitCode.ERROR, f"{path} holds {len(secret)} bytes, expected {size}: {remedy}")
        return secret

    @property
    def sockets(self) -> Path:
        """The directory of sockets, a short path since a socket's may have 107 bytes at most; missing when nothing
        runs."""
        own = Path(f"/run/user/{os.getuid()}")
        usable = own.is_dir() and own.stat().st_uid == os.getuid() and os.access(own, os.W_OK)
        return (own if usable else Path("/tmp")) / f"bms-{os.getuid()}-{self.mark}"  # noqa: S108 - private, and checked

    def run_dir(self) -> Path:
        """The directory of `sockets`, made if missing. Raises Refusal when somebody else put something there."""
        return private_directory(self.sockets)

    def _check_schema(self) -> None:
        path = self.root / "version"
        try:
            text = path.read_text().strip()
        except FileNotFoundError:
            if any(self.root.iterdir()):
                self._refuse_foreign()
            write_private(path, f"{SCHEMA}\n".encode())
            return
        if not text.isdecimal():
            raise Refusal(ExitCode.ERROR, f"{path} holds {text[:40]!r}, expected a number: is this a home of BMS?")
        if int(text) > SCHEMA:
            raise Refusal(
                ExitCode.NEWER_SCHEMA,
                f"{self.root} was made by a newer BMS (its version is {text}, this one knows {SCHEMA}): "
                "install that one, or choose another --home",
            )

    def _refuse_foreign(self) -> None:
        known = {"lock", "logs", "version"}
        if foreign := sorted(path.name for path in self.root.iterdir() if path.name not in known):
            raise Refusal(
                ExitCode.USAGE,
                f"{self.root} is not empty ({foreign[0]!r} is in it) and is no home of BMS: choose an empty or new one",
            )


def private_directory(path: Path) -> Path:
    """Makes the directory if missing, and returns it. Raises Refusal unless it is a directory of ours alone, reached by
    no link."""
    try:
        path.mkdir(mode=0o700)
    except FileExistsError:
        pass
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise Refusal(ExitCode.ERROR, f"{path} is not a directory of yours: somebody else put it there; remove it")
    path.chmod(0o700)
    return path


def write_private(path: Path, content: bytes) -> None:
    """Replaces a file of the owner's alone, whole or not at all, durably."""
    unfinished = path.with_name(path.name + ".new")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(descriptor)
    unfinished.replace(path)


def disk_refusal(root: Path, error: OSError) -> Refusal:
    """The error for a person whose home can't be written."""
    why = _DISK.get(error.errno or 0, error.strerror or str(error))
    return Refusal(ExitCode.DISK, f"the home {root} can't be used: {why}. Make room or choose another with --home DIR")
