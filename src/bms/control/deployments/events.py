"""Events of deployments and their replicas."""

from bms.core.events import Payload


class OfDeployment(Payload, frozen=True, kw_only=True):
    """An event whose subject is a deployment's name; `id` is the deployment's, which names it alone for ever."""

    id: str


class OfReplica(OfDeployment, frozen=True, kw_only=True):
    """What happened to a replica of a deployment; the subject is the deployment's name."""

    replica: str
    version: int
    reason: str = ""


class DeploymentCreated(OfDeployment, frozen=True, kw_only=True):
    """A deployment was made."""

    EVENT = "deployment.created"
    model: str
    versions: str
    forced: bool = False


class DeploymentChanged(OfDeployment, frozen=True, kw_only=True):
    """A deployment means something else now: its owner said so, or an alias that it follows moved."""

    EVENT = "deployment.changed"
    model: str = ""
    versions: str
    cause: str
    forced: bool = False


class DeploymentDeleted(OfDeployment, frozen=True, kw_only=True):
    """A deployment was deleted."""

    EVENT = "deployment.deleted"
    model: str


class DeploymentSwitched(OfDeployment, frozen=True, kw_only=True):
    """Traffic goes to other versions, or in other shares."""

    EVENT = "deployment.switched"
    traffic: str
    before: str


class DeploymentRelabelled(OfDeployment, frozen=True, kw_only=True):
    """Traffic goes where it went, under other names of versions."""

    EVENT = "deployment.relabelled"
    traffic: str
    before: str


class ReplicaStarted(OfReplica, frozen=True, kw_only=True):
    """A model server was told to start."""

    EVENT = "replica.started"


class ReplicaReady(OfReplica, frozen=True, kw_only=True):
    """A model server answers."""

    EVENT = "replica.ready"


class ReplicaMoved(OfReplica, frozen=True, kw_only=True):
    """A model server is reached in another way."""

    EVENT = "replica.moved"


class ReplicaFailed(OfReplica, frozen=True, kw_only=True):
    """A model server ended by itself or never answered."""

    EVENT = "replica.failed"


class ReplicaSuspected(OfReplica, frozen=True, kw_only=True):
    """A gateway lost its connection to a model server, and another process than its control's leads the deployments."""

    EVENT = "replica.suspected"


class ReplicaDraining(OfReplica, frozen=True, kw_only=True):
    """A model server gets no new requests."""

    EVENT = "replica.draining"


class ReplicaStopped(OfReplica, frozen=True, kw_only=True):
    """A model server was told to end."""

    EVENT = "replica.stopped"
