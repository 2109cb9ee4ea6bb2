"""Shares of classes from classifiers."""

from ioc_edge.backends.decoders import Answer, check_scores, disagrees, required, softmax
from ioc_edge.backends.manifest import Manifest


class Softmax:
    """(B, labels), or the same with further axes of length one: a share for each label."""

    def __init__(self, manifest: Manifest, answer: Answer) -> None:
        self._manifest = manifest
        self._name = required(manifest, answer, ["classes"])["classes"]
        shape, labels = answer[self._name].shape, len(manifest.labels)
        if len(shape) < 2 or shape[1] != labels or max(shape[2:], default=1) != 1:  # noqa: PLR2004 rank
            raise disagrees(
                manifest,
                f"{labels} labels need an output (B, {labels}), '{self._name}' has {shape}; "
                "mend 'labels'",
            )
        check_scores(manifest, answer[self._name].reshape(shape[0], labels))

    def decode(self, answer: Answer, index: int) -> dict[str, float]:
        """The calibrated share of each of our words; what is left out is missing in the sum."""
        shares = softmax(answer[self._name][index].reshape(-1), self._manifest)
        found: dict[str, float] = {}
        for label, share in zip(self._manifest.ours, shares.tolist(), strict=True):
            if label is not None:
                found[label] = found.get(label, 0.0) + share
        return found
