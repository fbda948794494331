"""Lines of generations: trends of what is measured, and what the theory and the papers say of them."""
