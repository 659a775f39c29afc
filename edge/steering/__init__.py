"""The kiosk itself, apart from what people come for: that it is there, how it is, what its gateway wants."""
