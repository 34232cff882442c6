"""The op zoo: small networks of one construct each, by name, with the outcome that pruning them must have."""

from zoo.attention import ATTENTION
from zoo.case import Case
from zoo.convolutions import CONVOLUTIONS
from zoo.cuts import CUTS
from zoo.flows import FLOWS
from zoo.hazards import HAZARDS
from zoo.norms import NORMS
from zoo.products import PRODUCTS

ZOO: dict[str, Case] = CONVOLUTIONS | CUTS | NORMS | PRODUCTS | ATTENTION | FLOWS | HAZARDS
