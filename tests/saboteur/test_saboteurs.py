"""Every proof passes its honest subject and catches each of its saboteurs, by words of its own."""

import re

import pytest

from bms.core.errors import BmsError
from tests.saboteur.frame import Proof, Saboteur
from tests.saboteur.proofs import PROOFS

SABOTEURS = [
    pytest.param(proof, saboteur, id=f"{proof.name}: {name}")
    for proof in PROOFS
    for name, saboteur in proof.saboteurs.items()
]


@pytest.mark.parametrize("proof", PROOFS, ids=lambda proof: proof.name)
def test_an_honest_subject_passes(proof: Proof) -> None:
    proof.judge(proof.subject())


@pytest.mark.parametrize(("proof", "saboteur"), SABOTEURS)
def test_a_saboteur_is_caught(proof: Proof, saboteur: Saboteur) -> None:
    with pytest.raises(BmsError) as caught:
        proof.judge(saboteur.breaks(proof.subject()))
    assert re.search(saboteur.refusal, caught.value.message), caught.value.message


@pytest.mark.parametrize("proof", [proof for proof in PROOFS if proof.example], ids=lambda proof: proof.name)
def test_an_example_alone_would_be_fooled(proof: Proof) -> None:
    assert proof.example is not None
    fooled = []
    for name, saboteur in proof.saboteurs.items():
        try:
            proof.example(saboteur.breaks(proof.subject()))
        except BmsError:
            continue
        fooled.append(name)
    assert len(fooled) >= 3, fooled


def test_no_proof_is_without_saboteurs() -> None:
    assert all(len(proof.saboteurs) >= 3 for proof in PROOFS)
    names = [proof.name for proof in PROOFS]
    assert len(set(names)) == len(names)
