"""Planning of distribution networks with clustered microgrids, with an AC-OPF core."""

__version__ = "0.1.0"
