"""The description: populations, projections, networks."""

import numpy as np
import pytest

from snnsim.connect import AllToAll, OneToOne
from snnsim.errors import ParameterError, WiringError
from snnsim.models.lif import LIF
from snnsim.models.poisson import PoissonSource
from snnsim.network import Network, Population, Projection
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
        (lambda: Population("a", 3, "LIF"), "must be a model such as"),
        (lambda: Projection(A, B, AllToAll(), weight=np.nan), r"weight = nan must be finite"),
        (lambda: Projection(A, B, AllToAll(), weight="big"), "must be a number"),
        (lambda: Projection(A, B, AllToAll(), delay=-1.0), "delay = -1 ms must be >= 0 ms"),
        (lambda: Projection(A, B, AllToAll(), plasticity=PairSTDP), "must be a rule such as"),
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
        (lambda: Network(3), "must be a Population or a Projection"),
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
