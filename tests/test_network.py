"""The description: populations, projections, networks."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from snnsim.connect import AllToAll, FixedProbability, FromArrays, OneToOne, Product
from snnsim.errors import ParameterError, WiringError
from snnsim.models.lif import LIF
from snnsim.models.lif_exp import LIFExp
from snnsim.models.poisson import PoissonSource
from snnsim.models.staircase import Staircase
from snnsim.network import Network, Population, Projection, description_digest
from snnsim.plasticity.pair_stdp import PairSTDP

A, B = Population("a", 3, LIF()), Population("b", (2, 2), LIF())


def test_populations_are_found_through_projections_in_order_of_appearance():
    alone = Population("alone", 1, LIF())
    net = Network(Projection(A, B, AllToAll()), alone, Projection(B, A, AllToAll()))
    assert list(net.populations) == ["a", "b", "alone"]
    assert list(net.projections) == ["a -> b", "b -> a"]
    assert net.population("b").size == 4 and net.domain == "spiking"
    assert repr(net) == "Network(3 populations, 8 units, 2 projections, spiking)"


def test_parallel_projections_get_numbered_names():
    net = Network(*(Projection(A, B, AllToAll()) for _ in range(3)))
    assert list(net.projections) == ["a -> b", "a -> b #2", "a -> b #3"]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Population("", 3, LIF()), "must be a non-empty text"),
        (lambda: Population("a", 0, LIF()), "shape = 0 must be >= 1"),
        (lambda: Population("a", (), LIF()), "must hold at least one size"),
        (lambda: Population("a", 2.5, LIF()), "whole number"),
        (lambda: Population("a", 3, LIF), r"is a class\. Call it: LIF\(\)"),
        (lambda: LIF(tau=20.0), r"^LIF: parameter = 'tau' is not known\. Valid: tau_m, .*\. Did you mean 'tau_m'\?"),
        (lambda: PoissonSource(rate=1.0, v_th=3.0), r"parameter = 'v_th' is not known\. Valid: rate\b"),
        (lambda: Population("a", 3, "LIF"), "must be a model such as"),
        (lambda: Projection(A, B, AllToAll(), weight=np.nan), r"weight = nan must be finite"),
        (lambda: Projection(A, B, AllToAll(), weight="big"), "must be a number"),
        (lambda: Projection(A, B, AllToAll(), delay=-1.0), "delay = -1 ms must be >= 0 ms"),
        (lambda: Projection(A, B, AllToAll(), plasticity=PairSTDP), r"PairSTDP is a class\. Call it"),
        (lambda: Projection(A, B, AllToAll(), plasticity="STDP"), "must be a rule such as"),
        (lambda: Projection(A, B, AllToAll(), plasticity=[PairSTDP(), PairSTDP()]), "of which a projection takes one"),
    ],
)
def test_a_wrong_value_is_refused(make, words):
    with pytest.raises(ParameterError, match=words):
        make()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Projection("a", B, AllToAll()), r"Projection\.pre = 'a' must be a Population"),
        (lambda: Projection(A, B, AllToAll), "must be a connector such as"),
        (lambda: Projection(A, B, OneToOne()), "joins 3 to 4 units"),
        (lambda: Projection(A, Population("s", 3, PoissonSource(rate=1.0)), AllToAll()), r"is a source \(PoissonSource\)"),
        (lambda: Network(), "holds nothing"),
        (lambda: Network([A]), "must be a Population, a Projection or a Current. Give them one by one"),
        (lambda: Network(A, Population("a", 1, LIF())), "two populations named 'a'"),
        (lambda: Network(A).population("aa"), r"'aa' is not known\. Valid: a\. Did you mean 'a'"),
    ],
)
def test_a_wrong_wiring_is_refused(make, words):
    with pytest.raises(WiringError, match=words):
        make()


@pytest.mark.parametrize(("thing", "field"), [(A, "size"), (Projection(A, B, AllToAll()), "weight"), (Network(A), "domain")])
def test_a_description_cannot_be_changed(thing, field):
    with pytest.raises(AttributeError, match="cannot be changed"):
        setattr(thing, field, 1)


def described(**change):
    """A network of two populations and two projections, with some part of it changed."""
    given = {
        "name": "a", "shape": 6, "model": LIF(tau_m=np.arange(1.0, 7.0)), "rate": 5.0, "weight": np.arange(3.0), "delay": 1.0, "p": 0.5,
        "target": [0, 1, 2], "plasticity": PairSTDP(a_plus=0.1),
    } | change  # fmt: skip
    cells, source = Population(given["name"], given["shape"], given["model"]), Population("source", 3, PoissonSource(rate=given["rate"]))
    lists = FromArrays([0, 1, 2], given["target"])
    recurrent = Projection(cells, cells, FixedProbability(given["p"]), weight=0.5, plasticity=given["plasticity"])
    return Network(Projection(source, cells, lists, weight=given["weight"], delay=given["delay"]), recurrent)


@pytest.mark.parametrize(
    "change",
    [
        {"name": "b"},
        {"shape": (2, 3), "model": LIF(tau_m=np.arange(1.0, 7.0).reshape(2, 3))},
        {"model": LIF(tau_m=np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.5]))},
        {"model": LIFExp(tau_m=np.arange(1.0, 7.0))},
        {"rate": 6.0},
        {"weight": np.array([0.0, 1.0, 3.0])},
        {"weight": None},
        {"delay": np.full(3, 1.0)},
        {"p": 0.25},
        {"target": [0, 1, 3]},
        {"plasticity": None},
        {"plasticity": PairSTDP(a_plus=0.2)},
    ],
)
def test_the_digest_of_a_description_changes_with_every_part_of_it(change):
    digest = description_digest(described())
    assert digest == description_digest(described()) and len(digest) == 64
    assert description_digest(described(**change)) != digest


def test_the_digest_of_a_description_is_the_same_in_another_process():
    script = "from test_network import *; print(description_digest(described()))"
    run = subprocess.run([sys.executable, "-c", script], cwd=Path(__file__).parent, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == description_digest(described())


def test_the_digest_knows_the_partner_of_a_product_by_name():
    def product(partner):
        q, k, unused = (Population(name, (2, 3), Staircase(theta=1, s_min=-3, s_max=3)) for name in ("q", "k", "other"))
        out = Population("out", (2, 2), Staircase(theta=1, s_min=-9, s_max=9))
        return Network(Projection(q, out, Product({"k": k, "other": unused}[partner], "id,jd->ij")), k, unused)

    assert description_digest(product("k")) == description_digest(product("k")) != description_digest(product("other"))


def test_a_parameter_without_canonical_form_is_refused():
    lists = FromArrays([0], [0])
    lists.note = object()
    with pytest.raises(ParameterError, match="must be a number, text, array, list or function"):
        description_digest(Network(Projection(A, A, lists)))
