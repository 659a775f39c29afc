"""`ridgekey bench links`: what every link costs, and that nothing is lost or doubled whatever befalls it."""
