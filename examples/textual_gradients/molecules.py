"""A molecule that is improved by what chemistry software says of it: drug-likeness, ease of synthesis, likeness, docking.

    pip install "adjoint[examples]"
    python molecules.py --lm openai/gpt-4o --start c1ccccc1
    python molecules.py --lm openai/gpt-4o --dock DRD2          # with dockstring: AutoDock Vina on a prepared target
    python molecules.py --lm random --steps 30                   # the baseline that needs no LM: random edits

A SMILES string is a Variable. Its loss is a text of measured values, and a string that is no molecule is no crash: what RDKit
has against it is the feedback. Of all versions the one with the best score is the result.

QED is the drug-likeness of Bickerton et al. (2012), SA the synthetic accessibility of Ertl and Schuffenhauer (2009; 1 easy to 10
hard), likeness the Tanimoto similarity of Morgan fingerprints (radius 2, 2048 bits) to the start.

What a strong LM is expected to reach: Yuksekgonul et al. (2024) ran gpt-4o for ten updates from three fragments on the 58 targets
of DOCKSTRING and report a QED above that of approved drugs at a similar Vina score for the 29 targets with drugs. Random edits of
equal number reach a good QED too, since there are many simple molecules that do; compare both before you believe either.
"""

from __future__ import annotations

import argparse
import random
import re
from dataclasses import dataclass

from rdkit import Chem, DataStructs, rdBase
from rdkit.Chem import QED, Descriptors, rdFingerprintGenerator
from rdkit.Contrib.SA_Score import sascorer

import adjoint

PROPOSE = (
    "Propose a better molecule. The feedback gives measured values of the present one and what is wanted. Change it by one or two "
    "chemically sensible edits, keep the valences right, and reply with one SMILES string only."
)
GROUPS = ("C", "N", "O", "F", "Cl", "C#N", "OC", "C(=O)N", "C(=O)O", "S(=O)(=O)N", "c1ccccc1", "c1ccncc1", "N1CCOCC1", "C1CC1")
_MORGAN = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=2048)


@dataclass(frozen=True)
class Measured:
    """What is known of one molecule. `vina` is in kcal/mol, lower is better; None without docking."""

    smiles: str
    qed: float
    sa: float
    likeness: float
    weight: float
    vina: float | None = None

    @property
    def score(self) -> float:
        """In [0, 1], higher is better. With docking it is the published s = Vina + 10 (1 - QED), put on a scale of 0 to 20."""
        if self.vina is not None:
            return min(1.0, max(0.0, (10 - (self.vina + 10 * (1 - self.qed))) / 20))
        return (self.qed + (10 - self.sa) / 9) / 2

    @property
    def words(self) -> str:
        docked = "" if self.vina is None else f" Vina {self.vina:.1f} kcal/mol (wanted: lower, below -9 is good);"
        return (
            f"{self.smiles}:{docked} QED {self.qed:.2f} of 1 (wanted: higher); synthetic accessibility {self.sa:.1f} (wanted: lower, "
            f"below 3 is easy); likeness to the start {self.likeness:.2f}; molecular weight {self.weight:.0f} g/mol."
        )


def read(text: str) -> tuple[Chem.Mol | None, str]:
    """The molecule, or None and what is wrong with the text."""
    smiles = re.sub(r"^SMILES:?|[`'\"]", "", text.strip()).strip()
    with rdBase.BlockLogs():
        drawn = Chem.MolFromSmiles(smiles, sanitize=False)
        if drawn is None or not drawn.GetNumAtoms():
            return (
                None,
                f"{smiles[:200]!r} is not SMILES: check brackets, ring numbers and element symbols, and give one molecule only.",
            )
        problems = [problem.Message() for problem in Chem.DetectChemistryProblems(drawn)]
    if problems:
        return None, f"{smiles} is no possible molecule: {'; '.join(problems)}."
    return Chem.MolFromSmiles(smiles), ""


class Bench:
    """Measures molecules, each once. `dock` names a target of DOCKSTRING."""

    def __init__(self, start: str, dock: str | None = None) -> None:
        molecule, why = read(start)
        if molecule is None:
            raise SystemExit(f"--start: {why}")
        self.start = _MORGAN.GetFingerprint(molecule)
        self.target = _target(dock) if dock else None
        self.known: dict[str, Measured] = {}
        self.measure(molecule)

    def measure(self, molecule: Chem.Mol) -> Measured:
        smiles = Chem.MolToSmiles(molecule)
        if smiles not in self.known:
            self.known[smiles] = Measured(
                smiles, QED.qed(molecule), sascorer.calculateScore(molecule),
                DataStructs.TanimotoSimilarity(self.start, _MORGAN.GetFingerprint(molecule)), Descriptors.MolWt(molecule),
                self.target.dock(smiles)[0] if self.target else None,
            )  # fmt: skip
        return self.known[smiles]

    def loss(self, text: str) -> tuple[float, str]:
        """The score, and the values in words; a text that is no molecule scores 0 and hears why."""
        molecule, why = read(text)
        if molecule is None:
            return 0.0, why
        found = self.measure(molecule)
        return min(found.score, 0.999), found.words  # no molecule is so good that nothing could be better


def _target(name: str) -> object:
    try:
        from dockstring import load_target
    except ImportError:
        raise SystemExit("--dock needs dockstring and Open Babel: pip install dockstring") from None
    return load_target(name)


def random_edit(smiles: str, rng: random.Random) -> str:
    """The molecule with a group added, an atom exchanged or an outer atom removed, at random."""
    molecule, _ = read(smiles)
    while molecule is not None:
        edited = Chem.RWMol(molecule)
        atom = rng.choice(list(edited.GetAtoms()))
        change = rng.choice(("add", "exchange", "remove"))
        if change == "add":
            group = Chem.MolFromSmiles(rng.choice(GROUPS))
            edited = Chem.RWMol(Chem.CombineMols(molecule, group))
            edited.AddBond(atom.GetIdx(), molecule.GetNumAtoms(), Chem.BondType.SINGLE)
        elif change == "exchange":
            atom.SetAtomicNum(rng.choice((6, 7, 8)))
        elif atom.GetDegree() == 1 and edited.GetNumAtoms() > 2:
            edited.RemoveAtom(atom.GetIdx())
        made = Chem.MolToSmiles(edited)
        if made != smiles and read(made)[0] is not None:
            return made
    return smiles


def random_chemist(bench: Bench, seed: int) -> object:
    """An engine that reads no feedback: it edits the best molecule that was measured so far."""
    rng = random.Random(seed)  # noqa: S311 - nothing secret
    return lambda _: random_edit(max(bench.known.values(), key=lambda one: one.score).smiles, rng)


def improve(bench: Bench, start: str, engine: object, steps: int) -> list[Measured]:
    """The molecules on the way, in order. Each rewrite is shown the last three versions with their scores."""
    molecule = adjoint.Variable(start, role_description="SMILES string of a drug-like molecule")
    optimizer = adjoint.TGD([molecule], engine=engine, optimizer_system_prompt=PROPOSE, momentum_window=3)
    found = adjoint.solve(molecule, adjoint.FunctionLoss(bench.loss), steps=steps, engine=engine, optimizer=optimizer)
    return [bench.measure(made) for made, _ in map(read, found.path) if made is not None]


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--lm", default="random", help="provider/model, or `random` for random edits")
    arguments.add_argument("--start", default="c1ccccc1")
    arguments.add_argument("--dock", default=None, help="a target of DOCKSTRING, such as DRD2 or PPARA")
    arguments.add_argument("--steps", type=int, default=10)
    arguments.add_argument("--seed", type=int, default=0)
    given = arguments.parse_args()
    bench = Bench(given.start, given.dock)
    who = random_chemist(bench, given.seed) if given.lm == "random" else adjoint.LM(given.lm)
    on_the_way = improve(bench, given.start, who, given.steps)
    for one in on_the_way:
        print(f"{one.score:.3f}  {one.words}")
    print("best:", max(on_the_way, key=lambda one: one.score).words)
