"""Two networks on three chips: how many cores they need, which core is the worst, and what the way of the spikes costs.

python examples/placement.py                            # prints what placement.out holds
python examples/placement.py --picture placement.png    # ... and draws the recurrent network on the mesh of Loihi

Recurrent networks after Brunel (2000), and the small transformer for digits that ships with snnsim. Loihi cannot compute softmax, norms
and products of two populations: they are left to a host. Needs pymetis: pip install 'snnsim[placement]'.
"""

import argparse

import numpy as np

import snnsim as sim
from snnsim import viz

CHIPS = ("loihi14", "truenorth28", "brainscales2")


def brunel(n: int, c: int) -> tuple[sim.Network, sim.Result]:
    """Return a network of n neurons, each with c inputs from it, in the asynchronous irregular regime, and 200 ms of it."""
    random, parts = np.random.default_rng(0), []
    exc, inh = (
        sim.Population(name, size, sim.LIF(v_rest=0.0, v_th=20.0, v_reset=10.0, t_ref=2.0, v_init=random.uniform(0.0, 20.0, size)))
        for name, size in (("exc", n * 4 // 5), ("inh", n // 5))
    )
    for post in (exc, inh):
        noise = sim.Population(f"noise_{post.name}", post.size, sim.PoissonSource(rate=5_000.0))
        parts.append(sim.Projection(noise, post, sim.OneToOne(), weight=0.4, delay=1.5))
        parts.append(sim.Projection(exc, post, sim.FixedInDegree(c * 4 // 5), weight=80.0 / c, delay=1.5))
        parts.append(sim.Projection(inh, post, sim.FixedInDegree(c // 5), weight=-400.0 / c, delay=1.5))
    net = sim.Network(*parts)
    return net, sim.simulate(net, 200.0, engine="clock", record={name: ["spikes"] for name in net.populations}, seed=1)


def transformer() -> tuple[sim.Network, sim.Result]:
    """Return the transformer as spikes, and four digits."""
    graph, _ = sim.data.load_model("digits")
    model = sim.convert(graph, sim.data.patches(sim.data.load_digits("train")[0][:256]))
    inputs = sim.data.patches(sim.data.load_digits("test")[0][:4])
    return model.network, model(inputs, code="unary", record={name: ["spikes"] for name in model.network.populations})


def show(chip: str, net: sim.Network, result: sim.Result, **more: bool) -> sim.Placement | None:
    """Place a network, and print what comes of it."""
    per = len(result.steps) if result.steps is not None else 1
    try:
        placement = sim.place(net, chip, traffic=result, **more)
    except sim.PlacementError as error:
        print(f"  {chip}: {error}")
        return None
    counts = placement.counts(result)
    blind = sim.place(net, chip, traffic=result, partitioner="order", **more).counts(result)
    print(f"  {placement}")
    for limit, (core, load, share) in placement.worst(result).items():
        print(f"    worst core by {limit}: number {core}, {load:,} ({share:.0%})")
    for how, each in (("METIS", counts), ("in order", blind)):
        print(f"    {how:<19} {each.total('packets') // per:,} packets, {each.total('hops') // per:,} hops")
    host = {"host": "horowitz45", "allow_mixed_nodes": True} if more.get("host") else {}
    print(f"    with transport      {sim.estimate_energy(counts, chip, per=per, **host)}")
    print(f"    without a placement {sim.estimate_energy(result.counts, chip, per=per, **host)}")
    if placement.profile.times:
        print(f"    latency             {placement.latency(result)}")
    return placement


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--picture", help="where to store the picture")
    options = parser.parse_args()
    for n, c in ((3_600, 360), (250, 50)):
        net, result = brunel(n, c)
        print(f"recurrent network, {n:,} neurons, {result.counts.total('synops'):,} synaptic operations in {result.duration:g} ms")
        placements = [show(chip, net, result) for chip in CHIPS]
        if options.picture and n > 1_000:
            viz.placement_map(placements[0], result).figure.savefig(options.picture, dpi=110)
    digits, classified = transformer()
    print(f"transformer, {sum(p.size for p in digits.populations.values()):,} units; for one image")
    for chip in CHIPS:
        show(chip, digits, classified, host=True)


if __name__ == "__main__":
    main()
