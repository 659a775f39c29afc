"""Gas of each act in steady state, beside peers: `python -m tests.contracts.gas`.

Steady state: the person's word of nonces is in use already, as when a kiosk takes one word and fills it.
"""

from dataclasses import replace

from contracts.acts import fresh_nonce
from tests.contracts.world import World

# Deployment and acts of EAS 1.4 (attestByDelegation, revokeByDelegation) and of ERC-1056 as published
# (addDelegateSigned, revokeDelegateSigned), one transaction a block. EAS stores the whole attestation.
PEERS = {
    "deploy": {"EAS 1.4": 4_157_563, "ERC-1056": 1_145_770},
    "grant": {"EAS 1.4": 244_360, "ERC-1056": 66_552},
    "withdraw": {"EAS 1.4": 79_316, "ERC-1056": 49_037},
}


def measure() -> dict[str, int]:
    """Gas used by each act, the whole transaction with its calldata."""
    world = World()
    figures = {"deploy": world.registry.deployment_gas}
    figures["enrol"] = world.done(world.enrol()).gas
    figures["register"] = world.done(world.register()).gas
    world.asked = replace(world.asked, nonce=fresh_nonce())
    figures["request"] = world.done(world.asked).gas
    figures["grant"] = world.done(world.grant()).gas
    figures["withdraw"] = world.done(world.withdraw()).gas
    world.asked = world.request()
    world.done(world.asked)
    figures["deny"] = world.done(world.deny()).gas
    return figures


def table(figures: dict[str, int]) -> str:
    lines = [f"{'':<10}{'gas':>10}  peers"]
    for name, gas in figures.items():
        peers = ", ".join(f"{peer} {theirs:,}" for peer, theirs in PEERS.get(name, {}).items())
        lines.append(f"{name:<10}{gas:>10,}  {peers}".rstrip())
    return "\n".join(lines)


if __name__ == "__main__":
    print(table(measure()))
