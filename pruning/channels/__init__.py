"""Which channels live and die together: labels carried through one run of the network, and the groups they form."""
