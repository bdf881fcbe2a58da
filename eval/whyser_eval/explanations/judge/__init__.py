"""A model as judge of explanations: pairs in both orders, and every explanation by a rubric."""
