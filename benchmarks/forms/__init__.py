"""Measure how well real small models are asked: by Adjoint and by DSPy, by the shape of a signature and by module.

    python -m benchmarks.forms --model qwen2.5-coder-0.5b --url http://127.0.0.1:8105/v1
    python -m benchmarks.forms --report

Every reply of a model is kept in one SQLite file, so a run that was stopped goes on and one that is repeated costs nothing.
"""
