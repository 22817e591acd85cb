"""What a trained transformer costs as an ANN and as spikes, on a dozen chips: counts, intervals, and what would change them.

python examples/energy_comparison.py                        # prints what energy_comparison.out holds
python examples/energy_comparison.py --picture energy.png   # ... and draws the picture of the README
python examples/energy_comparison.py --out folder           # ... and writes energy.html and energy.json
"""

import argparse

import snnsim as sim

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--picture", help="where to store the picture")
parser.add_argument("--out", help="folder for the page and the JSON")
options = parser.parse_args()

graph, _ = sim.data.load_model("digits")
images, labels = sim.data.load_digits("test")
calibration = sim.data.patches(sim.data.load_digits("train")[0][:512])
pixels = sim.data.patches(images)
spiking = sim.convert(graph, calibration)

# Counted on all 360 held-out images: floats, int8 and 4-bit integers, dense and with zeros skipped; three codes of spikes.
comparison = sim.compare_energy(graph, spiking, pixels, labels=labels, calibration=calibration, bits=[4], tokens=16, allow_mixed_nodes=True)
for each in comparison.implementations:
    work = "macs" if each.role == "ann" else "synops"
    accuracy = "" if each.accuracy is None else f"{100 * each.accuracy:.2f} %"
    print(f"{each.name:26} {each.counts.total(work) / comparison.per:>11,.0f} {work:6} {accuracy}")

print("\nµJ per image               low   nominal      high   scope")
for profile in comparison.profiles:
    for role in ("ann", "snn"):
        best = comparison.best(profile.name, role)
        if best is None:
            print(f"{profile.name:15} {role:3}   no price")
            continue
        low, nominal, high = (1e-6 * value for value in best[1])
        report = comparison.report(profile.name, best[0])
        host = f" ({', '.join(report.hosted)} on {report.host})" if report.hosted else ""
        print(f"{profile.name:15} {role:3} {low:9.3f} {nominal:9.3f} {high:9.3f}   {profile.scope}, {best[0]}{host}")

print("\nShare of its activity at which spikes would pay, and the two prices that matter most:")
for name in ("horowitz45", "seneca22", "tianjic28"):
    terms = ", ".join(term.term for term in comparison.sensitivity(name)[:2])
    print(f"{name:11} {comparison.break_even(name).nominal:8.4f}   {terms}")
print(sim.break_even("horowitz45", synapses=32 * 64, inputs=32, outputs=64, reuse=16))

if options.picture:
    figure = sim.viz.energy_by_profile(comparison).figure
    figure.savefig(options.picture, dpi=110)
if options.out:
    print("Written:", *sim.save_energy(comparison, options.out))
