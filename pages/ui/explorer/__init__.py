"""The live explorer: an element in plain JavaScript that counts while a slider moves."""
