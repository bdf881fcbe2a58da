"""A model as judge of explanations: pairs in both orders, and every explanation by a rubric."""

#: The paper's teacher (2.1): a judge of its family may prefer what it wrote.
TEACHER = "Qwen2.5-Omni"
