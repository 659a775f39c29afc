"""The kiosks as machines: which are there, how they are, and how the operator steers them."""
