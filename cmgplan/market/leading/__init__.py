"""How the leaders' problem is solved: as MILP, as NLP, with bids; quantities shaded, prices."""
