"""Parameters drawn from a distribution, one number per neuron."""

from dataclasses import dataclass

import numpy as np
import pytest

from snnsim.distributions import LogNormal, Normal, Uniform, sample
from snnsim.errors import ParameterError
from snnsim.models.adex import AdEx
from snnsim.models.drawn import distributions, drawn
from snnsim.models.integrate_fire import IF
from snnsim.models.lif import LIF
from snnsim.models.lif_exp import LIFExp
from snnsim.models.poisson import PoissonSource
from snnsim.models.spiking import NeuronModel
from snnsim.models.staircase import Staircase
from snnsim.network import Network, Population, description_digest
from snnsim.units import param

TAU = Normal(mean=20.0, std=2.0, low=5.0)


def test_a_distribution_becomes_one_number_per_neuron_and_the_description_keeps_it():
    population = Population("exc", (40, 25), LIF(tau_m=TAU, v_rest=-70, t_ref=Uniform(low=0.0, high=5.0, step=0.1)))
    assert population.model.tau_m is TAU and population.model.v_rest == -70.0 and isinstance(population.model.v_rest, float)
    assert list(distributions(population.model)) == ["tau_m", "t_ref"]
    made = population.drawn(np.random.default_rng(3))
    random = np.random.default_rng(3)
    np.testing.assert_array_equal(made.model.tau_m, sample(TAU, 1000, random).reshape(40, 25))
    np.testing.assert_array_equal(made.model.t_ref, sample(population.model.t_ref, 1000, random).reshape(40, 25))
    assert made.name == "exc" and made.shape == (40, 25) and not made.model.tau_m.flags.writeable
    assert made.model.v_rest == -70.0 and made.model.v_th == -50.0 and population.model.tau_m is TAU
    assert made.drawn(random) is made
    assert made.model.clock_form(1000, 0.1).state.shape[1] == 1000


def test_a_model_of_numbers_draws_nothing():
    random = np.random.default_rng(0)
    model = LIF(tau_m=np.full(3, 10.0))
    assert drawn(model, (3,), random) is model
    assert random.random() == np.random.default_rng(0).random()


@pytest.mark.parametrize(
    "model",
    [
        IF(v_init=Uniform(low=-65.0, high=-50.0)),
        LIFExp(tau_syn_exc=LogNormal(median=5.0, sigma=0.1), i_ext=Normal(mean=300.0, std=20.0)),
        AdEx(b=Uniform(low=0.0, high=100.0), delta_t=Uniform(low=1.0, high=3.0)),
        PoissonSource(rate=LogNormal(median=5.0, sigma=1.0)),
    ],
    ids=lambda model: type(model).__name__,
)
def test_every_parameter_that_takes_arrays_takes_distributions(model):
    made = drawn(model, (50,), np.random.default_rng(1))
    for name, part in distributions(model).items():
        values = getattr(made, name)
        assert values.shape == (50,) and values.min() >= part.bounds[0] and len(set(values)) == 50
    assert not distributions(made)


def test_what_is_drawn_is_checked_like_what_is_given():
    model = LIF(tau_m=Normal(mean=20.0, std=9.0))  # one in a hundred is below 0
    words = r"^Population\('exc'\)\.model: LIF\.tau_m = -.* ms must be > 0 ms.* with tau_m = Normal\(mean=20\.0, .*\): give low= or high="
    with pytest.raises(ParameterError, match=words):
        Population("exc", 5000, model).drawn(np.random.default_rng(0))
    with pytest.raises(ParameterError, match=r"LIF\.v_reset = .* mV must be < v_th = .* mV: a neuron reset above .* It was drawn"):
        drawn(LIF(v_reset=Normal(mean=-65.0, std=6.0)), (5000,), np.random.default_rng(0))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: LIF(tau_m=Normal(mean=-20.0, std=1.0)), r"LIF\.tau_m = -\S+ ms must be > 0 ms.* It was drawn"),
        (lambda: LIF(v_th=Normal(mean=-70.0, std=1.0)), r"v_reset = -65 mV must be < v_th"),
        (lambda: LIF(tau_m=TAU, c_m=-1.0), r"LIF\.c_m = -1 pF must be > 0"),
        (lambda: LIF(tau_m=TAU, c_m="x"), r"LIF\.c_m = 'x' must be a number"),
        (lambda: Staircase(theta=TAU, s_min=-3, s_max=3), r"Staircase\.theta"),
    ],
)
def test_gross_mistakes_are_refused_at_once(make, words):
    with pytest.raises(ParameterError, match=words):
        make()


def test_a_class_of_ones_own_need_not_know_of_distributions():
    @dataclass(frozen=True, kw_only=True, eq=False)
    class Even(NeuronModel):
        n: float = param(2.0)

        def __post_init__(self):
            super().__post_init__()
            if np.any(np.asarray(self.n) % 2.0):
                raise ParameterError("Even.n must be even. Double it.")

    model = Even(n=Uniform(low=0.0, high=9.0, step=2.0))
    assert set(drawn(model, (99,), np.random.default_rng(0)).n) == {0.0, 2.0, 4.0, 6.0, 8.0}
    with pytest.raises(ParameterError, match="must be even"):
        Even(n=3.0)
    with pytest.raises(ParameterError, match=r"must be even\. Double it\. It was drawn, with n = Uniform"):
        Even(n=Uniform(low=0.0, high=9.0))


def test_the_digest_of_a_network_knows_the_distribution_of_a_parameter():
    parts = [TAU, Normal(mean=20.0, std=2.0, low=5.0), Normal(mean=20.0, std=2.0, low=6.0), 20.0]
    names = [description_digest(Network(Population("exc", 4, LIF(tau_m=part)))) for part in parts]
    assert names[0] == names[1] and len(set(names)) == 3
