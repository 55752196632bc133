"""Network files in and out: MATPOWER and pandapower."""
