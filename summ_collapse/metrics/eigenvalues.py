"""Whether eigenvalues are right within a tolerance: Σ|λ̂ᵢ − λᵢ| ≤ τ Σ|λᵢ|, against those of the document's matrix.

Charton 2021, section 3; τ is 5, 2, 1 or 0.5%. What is no list of as many numbers is wrong.
"""

from collections.abc import Sequence

import numpy as np

from summ_collapse.metrics.number_tokens import Encoding

READS_DOCUMENTS = True
TOLERANCES = {"within_5": 0.05, "within_2": 0.02, "within_1": 0.01, "within_0.5": 0.005}
NAMES = tuple(TOLERANCES)
MALFORMED = np.inf


def score_pairs(
    predictions: Sequence[str], references: Sequence[str], names: Sequence[str], documents: Sequence[str]
) -> dict[str, np.ndarray]:
    """Per-example scores, (pairs,) float64 by metric name: 1.0 where right, else 0.0. The references are not read."""
    errors = relative_errors(predictions, documents)
    return {name: (errors <= TOLERANCES[name]).astype(np.float64) for name in names}


def relative_errors(candidates: Sequence[str], documents: Sequence[str]) -> np.ndarray:
    """Σ|λ̂ᵢ − λᵢ| / Σ|λᵢ| of each candidate, (rows,) float64; infinite where it is malformed. ValueError for what is no matrix."""
    sizes: dict[int, list[int]] = {}
    read: list[np.ndarray] = []
    for row, document in enumerate(documents):
        read.append(_matrix(document))
        sizes.setdefault(len(read[row]), []).append(row)
    errors = np.full(len(candidates), MALFORMED)
    for size, rows in sizes.items():
        right = np.linalg.eigvalsh(np.stack([read[row] for row in rows]))[:, ::-1]
        for row, eigenvalues in zip(rows, right, strict=True):
            encoding = Encoding.of(documents[row])
            assert encoding is not None
            found = encoding.values(candidates[row])
            if found is not None and len(found) == size:
                whole = np.abs(eigenvalues).sum()
                away = np.abs(found - eigenvalues).sum()
                errors[row] = away / whole if whole else (0.0 if away == 0 else MALFORMED)
    return errors


def _matrix(document: str) -> np.ndarray:
    """(size, size) float64."""
    encoding = Encoding.of(document)
    numbers = encoding.values(document) if encoding else None
    size = 0 if numbers is None else round(len(numbers) ** 0.5)
    if numbers is None or size == 0 or size**2 != len(numbers):
        raise ValueError(f"expected a square matrix in numbers' tokens, such as '+ 314 E-2', got {document[:40]!r}")
    return numbers.reshape(size, size)
