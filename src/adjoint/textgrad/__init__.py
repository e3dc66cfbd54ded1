"""TextGrad's names, for programs that port by `import adjoint.textgrad as tg`. Importing writes nothing and opens nothing."""

from __future__ import annotations

import logging

from adjoint import __version__ as __version__
from adjoint.autograd.algebra import aggregate as aggregate
from adjoint.autograd.algebra import sum as sum  # noqa: A004 - TextGrad's name
from adjoint.autograd.engine import get_engine as get_engine
from adjoint.autograd.engine import set_backward_engine as set_backward_engine
from adjoint.autograd.llm import BlackboxLLM as BlackboxLLM
from adjoint.autograd.losses import TextLoss as TextLoss
from adjoint.autograd.mode import no_grad as no_grad
from adjoint.autograd.variable import Variable as Variable
from adjoint.base.paths import inside
from adjoint.lm.engine import EngineLM as EngineLM
from adjoint.textgrad import autograd as autograd
from adjoint.textgrad import config as config
from adjoint.textgrad import engine as engine
from adjoint.textgrad import engine_experimental as engine_experimental
from adjoint.textgrad import loss as loss
from adjoint.textgrad import model as model
from adjoint.textgrad import optimizer as optimizer
from adjoint.textgrad import tasks as tasks
from adjoint.textgrad import variable as variable
from adjoint.textgrad.config import SingletonBackwardEngine as SingletonBackwardEngine
from adjoint.textgrad.config import singleton_backward_engine as singleton_backward_engine
from adjoint.textgrad.optimizer import TGD as TGD
from adjoint.textgrad.optimizer import TextualGradientDescent as TextualGradientDescent

logger = logging.getLogger("adjoint")
"""What TextGrad's users silence or follow; nothing is added to it here."""

# Modules below TextGrad's rooms: what is offered of them is found in the room itself, under either path.
inside(autograd.__name__, "algebra", "function", "functional", "llm_ops", "multimodal_ops", "string_based_ops")
inside(engine.__name__, "anthropic", "base", "cohere", "gemini", "groq", "local_model_openai_api", "openai", "together", "vllm")
inside(optimizer.__name__, "optimizer")
inside(tasks.__name__, "base", "big_bench_hard", "gpqa", "gsm8k", "mmlu")
