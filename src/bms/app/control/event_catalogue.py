"""The catalogue of all events, gathered from the features' `events` modules."""

from bms.control.datasets import events as datasets
from bms.control.deployments import events as deployments
from bms.control.jobs import events as jobs
from bms.control.models import events as models
from bms.control.offboarding import events as offboarding
from bms.control.platform import events as platform
from bms.control.secrets import events as secrets
from bms.control.tenants import events as tenants
from bms.core.event_catalogue import Catalogue

CATALOGUE = Catalogue([tenants, secrets, datasets, jobs, models, deployments, offboarding, platform])
