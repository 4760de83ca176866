"""Networks: a graph of layers with shapes known before any array exists, its arrays, its forward
and backward passes, and the objective that training minimizes.

May import: layers, losses, and below.
"""
