"""How a kiosk's signed message comes in and its receipt goes back: one module for each transport."""
