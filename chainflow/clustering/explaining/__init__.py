"""Why two addresses are together, or apart: links, their sentences, what if one did not count."""
