"""Local checkpoints as language models, through transformers: `LM("hf/PATH-OR-HUB-NAME")`. Needs the extra `hf`."""
