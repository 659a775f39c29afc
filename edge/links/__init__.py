"""How a signed message leaves the kiosk, and how its receipt comes back."""
