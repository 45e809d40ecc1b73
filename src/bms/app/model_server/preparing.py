"""Chooses how images or texts become a model's inputs. What that needs is imported only then."""

from bms.core.tensors.preprocessing import ImagePreprocess
from bms.core.tensors.signature import Signature
from bms.core.workloads.programs import ServableConfig
from bms.serving.inference.plan import Plan
from bms.serving.lifecycle.servable import Servable


def plan_for(config: ServableConfig, signatures: dict[str, Signature]) -> Plan | None:
    """The preparation of this version's inputs; None without preprocessing. Raises FailedPrecondition when a package or
    a file that it needs is missing, or no signature takes what it makes."""
    options = config.preprocess
    if options is None:
        return None
    if isinstance(options, ImagePreprocess):
        from bms.adapters.images.plan import image_plan

        return image_plan(options, signatures)
    from bms.adapters.runtimes.huggingface.tokenizer_file import open_tokenizer
    from bms.adapters.runtimes.huggingface.tokenizer_settings import tokenizer_settings
    from bms.serving.inference.preparation.texts import TextPlan, one_length

    settings = tokenizer_settings(config.directory, options.tokenizer)
    length = options.max_length
    if length is None:
        known = (settings.length, one_length(options, signatures))
        length = min((one for one in known if one is not None), default=None)
    opened = open_tokenizer(
        config.directory, options.tokenizer, length, config.threads, settings=settings, own_length=True
    )
    return TextPlan(options, signatures, opened)


def check_plan(plan: Plan | None, servable: Servable) -> None:
    """Tries the preparation. Raises FailedPrecondition where texts that run together change one another's answers."""
    from bms.serving.inference.preparation.texts import TextPlan

    if isinstance(plan, TextPlan):
        target = plan.target
        plan.check(lambda inputs: servable.infer(target, inputs))
