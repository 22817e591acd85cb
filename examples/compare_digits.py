"""The main job from Python: classify digits by spikes, prove it exact, compare the energy, draw one picture.

python examples/compare_digits.py                              # prints what compare_digits.out holds
python examples/compare_digits.py --picture overview.png       # ... and draws the picture of the README
"""

import argparse

import snnsim as sim
from snnsim.report.figures import draw_overview
from snnsim.report.verdict import verdict

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--picture", help="where to store the picture")
options = parser.parse_args()

comparison = sim.compare("digits")
print({name: round(value, 4) for name, value in comparison.accuracy.items()})
print(f"{comparison.certificate.compared} integers compared, {comparison.certificate.mismatches} mismatches")
for run in comparison.runs:
    spikes, synops = (run.counts.total(kind) // comparison.samples for kind in ("spikes", "synops"))
    print(f"{run.code:>12}, {run.schedule:<7}  {spikes:>7} spikes  {synops:>9} synaptic operations")
print("\n".join(verdict(comparison)))
if options.picture:
    draw_overview(comparison).savefig(options.picture, dpi=110)
