"""How often rules are wrong: figures counted on shipped truth, on a truth of one's own, on a case itself."""
