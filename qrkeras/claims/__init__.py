"""Claims of papers, tried over seeds and judged."""
