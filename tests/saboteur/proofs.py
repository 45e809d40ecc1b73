"""Every proof that has saboteurs: a line for each module."""

from tests.saboteur import conversions, gates, independence
from tests.saboteur.frame import Proof

PROOFS: tuple[Proof, ...] = (*conversions.PROOFS, *gates.PROOFS, *independence.PROOFS)
