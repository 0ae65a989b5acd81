"""What the learning and finding part refuses, each with a stable code."""

from config.errors import DomainError


class CheckpointError(DomainError):
    """A model file that cannot be trusted or is not one of ours."""

    code = "checkpoint_invalid"


class TrainingError(DomainError):
    """A configuration or a set of patches from which nothing can be learned."""

    code = "training_invalid"


class DetectionError(DomainError):
    """Parameters or a region that no detection can use."""

    code = "detection_invalid"


class ComparisonError(DomainError):
    """Two models that cannot be compared."""

    code = "comparison_invalid"
