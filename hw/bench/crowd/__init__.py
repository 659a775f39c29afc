"""Who stands around a gateway that is measured: people and requesters with keys, kiosks, processes."""
