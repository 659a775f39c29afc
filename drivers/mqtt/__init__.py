"""The way to an MQTT broker that kiosk and gateway share: version 5, else 3.1.1, QoS 1, TLS on both sides.

`machine` decides, without I/O; `connection` is one connection of paho's; `session` is the thread that joins
the two and stays connected; `tls` makes the contexts and puts their errors into words. What is said over the
session, and to whom, is the business of `edge.links.mqtt` and `gateway.links.mqtt`.
"""
