"""How links become clusters: terms, vetoes, constraints, decisions, quarantine, union-find."""
